"""What a search is asked for."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from search_space import MOST_TRIALS, Method, Range
from training_spec import Spec

Metric = Literal["auto", "accuracy", "logloss", "auc", "f1", "rmse", "mae", "r2"]


class Request(Spec):
    """The space to search, and how trials are scored. ``params`` are the same in every trial."""

    space: Annotated[dict[str, Range], pydantic.Field(min_length=1)]
    method: Method = "auto"
    trials: Annotated[int, pydantic.Field(ge=1, le=MOST_TRIALS)] = 20
    metric: Metric = "auto"
    folds: Annotated[int, pydantic.Field(ge=0, le=20)] = 3
    early_stopping_rounds: Annotated[int, pydantic.Field(ge=1)] | None = 20
    output: Annotated[str, pydantic.Field(min_length=1)] | None = None
    picture: Literal["svg", "png"] = "svg"
