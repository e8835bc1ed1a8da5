"""Predictions for one block of rows, as a Ray Data worker makes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from csv_batches import missing_as_null
from csv_lines import lines_of
from features import Column, encode, unseen
from nodes_used import note_node
from target import Target
from training_worker import named_matrix, predict
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

    note_node()
    if plan["sha256"] not in _boosters:
        _boosters.clear()
        _boosters[plan["sha256"]] = xgboost.Booster({"nthread": 1}, model_file=bytearray(model))
    target = Target.model_validate(plan["target"])
    columns = [Column.model_validate(c) for c in plan["columns"]]
    table = table.combine_chunks()
    values = {c.name: _whole(table.column(c.name)) for c in columns}
    if plan["text"]:
        values = {name: missing_as_null(column) for name, column in values.items()}
    batch = pa.table(values)
    matrix = named_matrix(encode(batch, columns), None, columns)
    predicted = predict(_boosters[plan["sha256"]], matrix, target) if table.num_rows else None
    outcome = _prediction_columns(predicted, target, plan["names"])
    shown = {name: table.column(name) for name in plan["kinds"]}
    if plan["as_lines"]:
        out = pa.table({LINE: lines_of(pa.table({**shown, **outcome}))})
    else:
        if plan["text"]:
            quantities = [c for c in columns if c.type != "category"]
            shown |= {c.name: _quantity(values[c.name], c, plan["kinds"]) for c in quantities}
        out = pa.table({**shown, **outcome})
    for place, column in enumerate(columns):
        if column.type == "category":
            out = out.append_column(f"{UNSEEN}{place}", unseen(_whole(batch.column(column.name)), column))
    return out


def _quantity(texts: pa.Array, column: Column, kinds: dict[str, str]) -> pa.Array:
    """A feature that the model takes for a quantity, in the type of this dataset's values."""
    kind = kinds[column.name]
    return typed(texts, column.type if kind == "empty" else kind)


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
