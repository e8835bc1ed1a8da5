"""What a request says about a training: the fields that are stored with each version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import pydantic

from lovage_job import Model
from target import Objective

Name = Annotated[str, pydantic.Field(min_length=1, max_length=500)]
ParamValue = pydantic.StrictBool | pydantic.StrictInt | pydantic.StrictFloat | pydantic.StrictStr


class Spec(Model):
    """What to train on what. Stored with each version, so that it can be trained again."""

    dataset: Annotated[str, pydantic.Field(min_length=1)]
    target: Name
    params: dict[str, ParamValue] = {}
    rounds: Annotated[int, pydantic.Field(ge=1, le=100_000)] = 100
    early_stopping_rounds: Annotated[int, pydantic.Field(ge=1)] | None = None
    objective: Objective = "auto"
    validation_fraction: Annotated[float, pydantic.Field(ge=0.01, le=0.9)] = 0.2
    seed: Annotated[int, pydantic.Field(ge=0, le=2_147_483_647)] = 42
    features: list[Name] | None = None
    exclude: list[Name] = []
    categorical: list[Name] = []
    workers: Annotated[int, pydantic.Field(ge=1, le=1_000)] | None = None


Progress = Callable[[float, str], None]


def part(progress: Progress, low: float, high: float) -> Progress:
    """Progress of a part of the work, which goes from ``low`` to ``high`` of the whole."""
    return lambda fraction, message: progress(low + (high - low) * fraction, message)
