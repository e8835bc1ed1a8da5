"""Predictions for one block of rows, as a Ray Data worker makes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from csv_lines import lines_of
from features import Column, encode, feature_types, unseen
from tabular import missing_as_null
from target import Target
from training_worker import predict
from value_kinds import typed

UNSEEN = "__lovage_unseen_"
"""Columns beside the predictions, one for each category column: true where the model does not know the
category."""

LINE = "__lovage_line"
"""The column of lines, when rows are written as CSV."""

_boosters: dict[str, Any] = {}
"""Loaded once by each process."""


def predict_rows(table: pa.Table, plan: dict[str, Any], model: bytes) -> pa.Table:
    """What Ray Data runs on each block: the rows with their predictions, as columns or as lines of CSV."""
    import xgboost

    if plan["sha256"] not in _boosters:
        _boosters.clear()
        _boosters[plan["sha256"]] = xgboost.Booster({"nthread": 1}, model_file=bytearray(model))
    target = Target.model_validate(plan["target"])
    columns = [Column.model_validate(c) for c in plan["columns"]]
    table = table.combine_chunks()
    values = _missing_as_null(table) if plan["text"] else table
    batch = pa.table({c.name: _whole(values.column(c.name)) for c in columns})
    matrix = xgboost.DMatrix(
        encode(batch, columns),
        feature_names=[c.name for c in columns],
        feature_types=feature_types(columns),
        enable_categorical=True,
    )
    predicted = predict(_boosters[plan["sha256"]], matrix, target) if table.num_rows else None
    outcome = _prediction_columns(predicted, target, plan["names"])
    if plan["as_lines"]:
        out = pa.table({LINE: lines_of(pa.table({**_columns(table, plan), **outcome}))})
    else:
        source = values if plan["text"] else table
        shown = _columns(source, plan)
        if plan["text"]:
            shown = {n: typed(_whole(c), plan["kinds"][n]) for n, c in shown.items()}
        out = pa.table({**shown, **outcome})
    for place, column in enumerate(columns):
        if column.type == "category":
            out = out.append_column(f"{UNSEEN}{place}", unseen(_whole(batch.column(column.name)), column))
    return out


def _columns(table: pa.Table, plan: dict[str, Any]) -> dict[str, Any]:
    return {name: table.column(name) for name in plan["kinds"]}


def _missing_as_null(table: pa.Table) -> pa.Table:
    return pa.table({n: missing_as_null(_whole(table.column(n))) for n in table.schema.names})


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if isinstance(column, pa.Array):
        return column
    joined = column.combine_chunks()
    return joined if isinstance(joined, pa.Array) else pa.concat_arrays(joined.chunks)


def _prediction_columns(
    predicted: np.ndarray | None, target: Target, names: list[str]
) -> dict[str, pa.Array]:
    if target.classes is None:
        values = predicted if predicted is not None else np.empty(0, np.float32)
        return {names[0]: pa.array(values, pa.float32())}
    rows = predicted if predicted is not None else np.empty((0, len(target.classes)), np.float32)
    chosen = rows.argmax(axis=1) if len(rows) else np.empty(0, np.int64)
    probabilities = {n: pa.array(rows[:, i], pa.float32()) for i, n in enumerate(names[1:])}
    return {names[0]: target.class_values().take(pa.array(chosen)), **probabilities}
