"""The columns a model learns from, and how their values become numbers.

Numbers, integers and booleans stay what they are, times become days since 1970, categories become their place
in the list of categories. Missing, infinite and unseen values are missing (NaN), which XGBoost has a branch
for.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lovage_job import BadInput, Model
from value_kinds import as_kind

MAX_CATEGORIES = 5_000
"""More different texts than this are names or free text, which a tree cannot learn from."""

Kind = Literal["boolean", "integer", "number", "time", "category"]


class Column(Model):
    """A feature: its name, what it holds, and the categories of a category column, in the order of their
    codes."""

    name: str
    type: Kind
    categories: list[str] | None = None


class Ignored(Model):
    """A column that the model does not learn from, and why."""

    column: str
    reason: str


def choose(
    kinds: Mapping[str, str],
    target: str,
    wanted: Sequence[str] | None,
    excluded: Sequence[str],
    categorical: Sequence[str],
) -> tuple[list[Column], list[Ignored]]:
    """The features of a dataset (categories not filled in yet), and the columns left out.

    Raises BadInput: INPUT_COLUMN_MISSING, INPUT_COLUMN_TYPE, INPUT_NO_FEATURES, INPUT_INVALID.
    """
    for field, names in (("features", wanted or ()), ("exclude", excluded), ("categorical", categorical)):
        for name in names:
            if name not in kinds:
                raise missing_column("INPUT_COLUMN_MISSING", name, kinds, field)
    if wanted is not None and target in wanted:
        raise BadInput("INPUT_INVALID", f"features: {target} is the target", field="features", value=target)
    columns: list[Column] = []
    ignored: list[Ignored] = []
    for name in kinds if wanted is None else dict.fromkeys(wanted):
        if name == target or name in excluded:
            continue
        kind = kinds[name]
        if kind == "empty":
            ignored.append(Ignored(column=name, reason="it has no value"))
        elif kind == "unsupported":
            raise BadInput(
                "INPUT_COLUMN_TYPE",
                f"column {name} holds neither numbers, booleans, times nor text",
                field="dataset",
                value=name,
                hint=f'leave it out: exclude: ["{name}"]',
            )
        else:
            columns.append(Column(name=name, type="category" if name in categorical else kind))  # type: ignore[arg-type]
    if not columns:
        raise BadInput("INPUT_NO_FEATURES", "no column is left to learn from", field="features")
    return columns, ignored


def missing_column(code: str, name: str, there: Iterable[str], field: str) -> BadInput:
    """A BadInput that names the columns there are, and the nearest one as a hint."""
    names = list(there)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    near = near or [n for n in names if n.lower() == name.lower()]
    shown = ", ".join(names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")
    hint = f"did you mean {near[0]!r}?" if near else None
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        hint = "the file does not seem to be separated by commas"
    return BadInput(
        code, f"{field}: no column {name!r}; there are: {shown}", field=field, value=name, hint=hint
    )


class Categories:
    """Collects the categories of the category columns, batch by batch."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._seen: dict[str, set[str]] = {c.name: set() for c in columns if c.type == "category"}

    def see(self, batch: pa.RecordBatch) -> None:
        """Raises BadInput INPUT_TOO_MANY_CATEGORIES, naming the column."""
        for name, seen in self._seen.items():
            seen.update(pc.unique(as_kind(batch.column(name), "category").drop_null()).to_pylist())
            if len(seen) > MAX_CATEGORIES:
                raise BadInput(
                    "INPUT_TOO_MANY_CATEGORIES",
                    f"column {name} has more than {MAX_CATEGORIES} different texts",
                    field="dataset",
                    value=name,
                    hint=f'leave it out: exclude: ["{name}"]',
                )

    def fill(self, columns: Sequence[Column]) -> list[Column]:
        """The columns with their categories, sorted."""
        return [
            c.model_copy(update={"categories": sorted(self._seen[c.name])}) if c.name in self._seen else c
            for c in columns
        ]


def encode(batch: pa.RecordBatch | pa.Table, columns: Sequence[Column]) -> np.ndarray:
    """The features as float32, a row each.

    Raises pyarrow.ArrowInvalid when a value is not of its column's type.
    """
    matrix = np.empty((batch.num_rows, len(columns)), np.float32)
    for place, column in enumerate(columns):
        array = batch.column(column.name)
        if column.type == "category":
            codes = pc.index_in(
                as_kind(array, "category"), value_set=pa.array(column.categories, pa.string())
            )
        else:
            codes = as_kind(array, "number" if column.type == "integer" else column.type)
        values = codes.cast(pa.float64()).to_numpy(zero_copy_only=False)
        with np.errstate(over="ignore"):
            matrix[:, place] = values
    matrix[np.isinf(matrix)] = np.nan
    return matrix


def unseen(array: pa.Array, column: Column) -> pa.Array:
    """True for each value of a category column that the model does not know."""
    texts = as_kind(array, "category")
    known = pc.is_in(texts, value_set=pa.array(column.categories, pa.string()))
    return pc.and_(pc.invert(known), pc.is_valid(texts))


def feature_types(columns: Sequence[Column]) -> list[str]:
    """XGBoost's letters: "c" for categories, "q" for quantities."""
    return ["c" if c.type == "category" else "q" for c in columns]


def xgboost_names(columns: Sequence[Column]) -> list[str]:
    """What XGBoost calls the columns: by their names, or ``f0``, ``f1``, ... when one of them has a character
    that it refuses."""
    own = [c.name for c in columns]
    refused = any(not name or set(name) & set("[]<") for name in own)
    return [f"f{place}" for place in range(len(own))] if refused else own


class Filling:
    """Feature matrices of known height, filled batch by batch: no second copy of the data is ever made."""

    def __init__(self, rows: int, columns: Sequence[Column]) -> None:
        self.matrix = np.empty((rows, len(columns)), np.float32)
        self.labels = np.empty(rows, np.float64)
        self._next = 0

    def add(self, matrix: np.ndarray, labels: np.ndarray) -> None:
        """Appends rows."""
        end = self._next + len(matrix)
        self.matrix[self._next : end] = matrix
        self.labels[self._next : end] = labels
        self._next = end
