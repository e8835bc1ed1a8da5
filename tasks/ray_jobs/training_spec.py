"""What a request says about a training: the fields that are stored with each version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import pydantic

from features import Column
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

    def pinned(self, columns: Sequence[Column], kind: str) -> Spec:
        """The same with its choices fixed, as it is stored: a new column or one value more in the target does
        not silently make another model of it later, and a column that took no part may leave the data."""
        names = [c.name for c in columns]
        choices: dict[str, Any] = {
            "features": names,
            "exclude": [],
            "categorical": [n for n in dict.fromkeys(self.categorical) if n in names],
        }
        if self.objective == "auto":
            choices["objective"] = "regression" if kind == "regression" else "classification"
        # Not a mere copy: what could not be read again must not be saved.
        return Spec.model_validate({**self.model_dump(include=set(Spec.model_fields)), **choices})


Progress = Callable[[float, str], None]


def part(progress: Progress, low: float, high: float) -> Progress:
    """Progress of a part of the work, which goes from ``low`` to ``high`` of the whole."""
    return lambda fraction, message: progress(low + (high - low) * fraction, message)
