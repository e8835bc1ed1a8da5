"""The parameters of XGBoost that a request may set, each with its type and range.

Anything else is refused by name: some parameters would break what Lovage relies on (the objective and the
number of classes come from the target, threads from the cluster), and XGBoost itself ignores misspelt ones.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from lovage_job import BadInput

Value = int | float | str | bool
"""What a parameter may be."""


@dataclass(frozen=True)
class _Number:
    low: float
    high: float = math.inf
    whole: bool = False
    above: bool = False
    """Whether ``low`` itself is not allowed."""

    def problem(self, value: Value) -> str | None:
        kind = "a whole number" if self.whole else "a number"
        right = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not right or (self.whole and value != int(value)):
            return f"must be {kind}"
        if value < self.low or value > self.high or (self.above and value == self.low):
            return f"must be {kind} {'above' if self.above else 'from'} {self.low:g}" + (
                f" to {self.high:g}" if math.isfinite(self.high) else " on"
            )
        return None

    def clean(self, value: Value) -> Value:
        return int(value) if self.whole else float(value)


@dataclass(frozen=True)
class _Choice:
    of: tuple[str, ...]

    def problem(self, value: Value) -> str | None:
        return None if value in self.of else f"must be one of {', '.join(self.of)}"

    def clean(self, value: Value) -> Value:
        return value


_share = _Number(0, 1, above=True)
_rate = _Number(0, 1)
_weight = _Number(0)

PARAMS: dict[str, _Number | _Choice] = {
    "eta": _share,
    "max_depth": _Number(0, 100, whole=True),
    "max_leaves": _Number(0, 1_000_000, whole=True),
    "min_child_weight": _weight,
    "gamma": _weight,
    "max_delta_step": _weight,
    "subsample": _share,
    "colsample_bytree": _share,
    "colsample_bylevel": _share,
    "colsample_bynode": _share,
    "lambda": _weight,
    "alpha": _weight,
    "scale_pos_weight": _Number(0, above=True),
    "base_score": _Number(-math.inf),
    "max_bin": _Number(2, 65_536, whole=True),
    "max_cat_to_onehot": _Number(1, whole=True),
    "max_cat_threshold": _Number(1, whole=True),
    "num_parallel_tree": _Number(1, 10_000, whole=True),
    "tweedie_variance_power": _Number(1, 2),
    "huber_slope": _Number(0, above=True),
    "rate_drop": _rate,
    "skip_drop": _rate,
    "booster": _Choice(("gbtree", "dart")),
    "tree_method": _Choice(("hist", "approx")),
    "grow_policy": _Choice(("depthwise", "lossguide")),
    "sample_type": _Choice(("uniform", "weighted")),
    "normalize_type": _Choice(("tree", "forest")),
}
"""The parameters by XGBoost's first name for each."""

ALIASES = {"learning_rate": "eta", "min_split_loss": "gamma", "reg_lambda": "lambda", "reg_alpha": "alpha"}
"""XGBoost's second names, which are understood too."""

_ELSEWHERE = {
    "objective": "use the field objective",
    "num_class": "the classes are found from the target",
    "num_boost_round": "use the field rounds",
    "n_estimators": "use the field rounds",
    "early_stopping_rounds": "use the field earlyStoppingRounds",
    "seed": "use the field seed",
    "random_state": "use the field seed",
    "nthread": "threads follow from the cluster; use the field workers",
    "n_jobs": "threads follow from the cluster; use the field workers",
    "eval_metric": "the metrics follow from the objective",
}


def clean_params(params: Mapping[str, Value], *, field: str = "params") -> dict[str, Value]:
    """The parameters under XGBoost's first names, whole numbers as int. Raises BadInput: INPUT_PARAM_UNKNOWN,
    INPUT_PARAM_INVALID."""
    clean: dict[str, Value] = {}
    for name, value in params.items():
        first = check_name(name, field=field)
        if first in clean:
            raise BadInput(
                "INPUT_PARAM_INVALID",
                f"{field}.{name}: {first} is set twice, under two names",
                field=f"{field}.{name}",
            )
        problem = PARAMS[first].problem(value)
        if problem:
            raise BadInput(
                "INPUT_PARAM_INVALID",
                f"{field}.{name} is {value!r}; it {problem}",
                field=f"{field}.{name}",
                value=value,
            )
        clean[first] = PARAMS[first].clean(value)
    return clean


def check_name(name: str, *, field: str = "params") -> str:
    """XGBoost's first name of a parameter. Raises BadInput INPUT_PARAM_UNKNOWN, with the nearest name as a
    hint."""
    first = ALIASES.get(name, name)
    if first in PARAMS:
        return first
    near = difflib.get_close_matches(name, [*PARAMS, *ALIASES], n=1)
    hint = _ELSEWHERE.get(name) or (f"did you mean {near[0]}?" if near else f"known: {', '.join(PARAMS)}")
    raise BadInput(
        "INPUT_PARAM_UNKNOWN",
        f"{field}.{name} is no parameter that may be set ({hint})",
        field=f"{field}.{name}",
        value=name,
        hint=hint,
    )
