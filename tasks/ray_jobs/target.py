"""What a model is to predict: found from the values of the target column, or as the request says."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lovage_job import BadInput, Model
from value_kinds import as_kind

MAX_CLASSES = 1_000
"""A target with more different values is no classification."""

FEW_CLASSES = 20
"""Up to so many different whole numbers, each five times on average, are taken for classes."""

Objective = Literal[
    "auto",
    "classification",
    "regression",
    "binary:logistic",
    "multi:softprob",
    "reg:squarederror",
    "reg:absoluteerror",
    "reg:pseudohubererror",
    "reg:squaredlogerror",
    "reg:gamma",
    "reg:tweedie",
    "count:poisson",
]
"""What a request may say: found from the data, one of the two kinds, or XGBoost's own name."""

_EVAL_METRIC = {"binary": "logloss", "multiclass": "mlogloss", "regression": "rmse"}


class Target(Model):
    """The target column. ``classes`` are its values in order of their index in a row of probabilities."""

    name: str
    type: Literal["boolean", "integer", "number", "category"]
    kind: Literal["binary", "multiclass", "regression"]
    objective: str
    classes: list[str | bool | int | float] | None = None

    def training_params(self) -> dict[str, Any]:
        """What XGBoost must be told about the target."""
        params: dict[str, Any] = {"objective": self.objective, "eval_metric": self.eval_metric()}
        if self.kind == "multiclass":
            params["num_class"] = len(self.classes or ())
        return params

    def eval_metric(self) -> str:
        """The metric that XGBoost watches while it trains."""
        return "mae" if self.objective == "reg:absoluteerror" else _EVAL_METRIC[self.kind]

    def encode(self, array: pa.Array) -> np.ndarray:
        """Numbers, or indexes of classes; NaN where the value is missing, -1 where the class is unknown."""
        values = as_kind(array, self.type)
        if self.classes is None:
            numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            return np.where(np.isfinite(numbers), numbers, np.nan)
        codes = pc.fill_null(pc.index_in(values, value_set=self.class_values()), -1)
        numbers = codes.cast(pa.float64()).to_numpy(zero_copy_only=False).copy()
        missing = pc.is_null(values, nan_is_null=True)
        if self.type == "number":
            # As find_target has it: no class is infinite.
            missing = pc.or_(missing, pc.is_inf(pc.fill_null(values, 0.0)))
        numbers[missing.to_numpy(zero_copy_only=False)] = np.nan
        return numbers

    def class_values(self) -> pa.Array:
        """The classes in the target's own type."""
        return pa.array(self.classes, _ARROW[self.type])


_ARROW = {"boolean": pa.bool_(), "integer": pa.int64(), "number": pa.float64(), "category": pa.string()}


def find_target(name: str, kind: str, values: pa.ChunkedArray, objective: Objective) -> Target:
    """The target, from all values of its column (``kind`` as :mod:`value_kinds` found it).

    Raises BadInput: INPUT_TARGET_EMPTY, INPUT_TARGET_TYPE, INPUT_ONE_CLASS, INPUT_TOO_MANY_CLASSES,
    INPUT_OBJECTIVE_MISMATCH.
    """
    if kind == "empty":
        raise BadInput(
            "INPUT_TARGET_EMPTY", f"target: column {name} has no value", field="target", value=name
        )
    if kind not in _ARROW:
        raise BadInput(
            "INPUT_TARGET_TYPE",
            f"target: column {name} holds {kind} values, which cannot be predicted",
            field="target",
        )
    typed = pa.chunked_array([as_kind(c, kind) for c in values.chunks], _ARROW[kind])
    if kind == "number":
        typed = typed.filter(pc.is_finite(typed))
    known = pc.unique(typed.drop_null())
    if len(known) < 2:
        only = known[0].as_py() if len(known) else None
        raise BadInput(
            "INPUT_ONE_CLASS",
            f"target: every row of {name} has the same value, {only!r}: there is nothing to learn",
            field="target",
            value=only,
        )
    present = len(typed) - typed.null_count
    # Many tools write whole numbers as 0.0 and 1.0, above all where a value is missing.
    whole = kind == "integer" or (kind == "number" and pc.all(pc.equal(known, pc.floor(known))).as_py())
    if _is_regression(whole, kind, objective, len(known), present):
        return _regression(name, kind, objective, known)
    return _classification(name, kind, objective, known)


def _is_regression(whole: bool, kind: str, objective: Objective, different: int, present: int) -> bool:
    if objective == "auto":
        few = different == 2 or (different <= FEW_CLASSES and present >= 5 * different)
        return kind in ("integer", "number") and not (whole and few)
    return objective == "regression" or objective.startswith(("reg:", "count:"))


def _regression(name: str, kind: str, objective: Objective, known: pa.Array) -> Target:
    if kind not in ("integer", "number"):
        raise _mismatch(objective, f"column {name} holds {kind} values, not numbers")
    chosen = "reg:squarederror" if objective in ("auto", "regression") else objective
    least = pc.min(known).as_py()
    bound = {"reg:gamma": "above 0", "reg:tweedie": "0 or more", "count:poisson": "0 or more"}.get(chosen)
    if bound and (least < 0 or (least == 0 and chosen == "reg:gamma")):
        raise _mismatch(objective, f"it needs values of {bound}; column {name} has {least}")
    if chosen == "reg:squaredlogerror" and least <= -1:
        raise _mismatch(objective, f"it needs values above -1; column {name} has {least}")
    return Target(name=name, type=kind, kind="regression", objective=chosen)  # type: ignore[arg-type]


def _classification(name: str, kind: str, objective: Objective, known: pa.Array) -> Target:
    if len(known) > MAX_CLASSES:
        raise BadInput(
            "INPUT_TOO_MANY_CLASSES",
            f"target: column {name} has {len(known)} different values; the most classes are {MAX_CLASSES}",
            field="target",
            value=name,
        )
    two = len(known) == 2
    if (objective == "binary:logistic" and not two) or (objective == "multi:softprob" and two):
        raise _mismatch(objective, f"column {name} has {len(known)} classes")
    return Target(
        name=name,
        type=kind,  # type: ignore[arg-type]
        kind="binary" if two else "multiclass",
        objective="binary:logistic" if two else "multi:softprob",
        classes=sorted(known.to_pylist()),
    )


def _mismatch(objective: str, why: str) -> BadInput:
    return BadInput(
        "INPUT_OBJECTIVE_MISMATCH", f"objective {objective}: {why}", field="objective", value=objective
    )
