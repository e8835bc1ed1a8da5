"""The space of parameters that a search goes through, written as JSON.

Each parameter is one of: a list of values (``[3, 5, 8]``, the same as ``{"choice": [3, 5, 8]}``), one fixed
value, ``{"uniform": [low, high]}``, ``{"loguniform": [low, high]}``, or ``{"randint": [low, high]}`` (whole
numbers, both ends included). A grid is made of lists alone.
"""

from __future__ import annotations

import itertools
import math
import random
from typing import Annotated, Literal

import pydantic

from booster_params import Value, check_name, clean_params
from lovage_job import BadInput, Model

MOST_TRIALS = 1_000
"""The most trials of one search."""

Scalar = pydantic.StrictBool | pydantic.StrictInt | pydantic.StrictFloat | pydantic.StrictStr
Ends = Annotated[list[pydantic.StrictInt | pydantic.StrictFloat], pydantic.Field(min_length=2, max_length=2)]
Values = Annotated[list[Scalar], pydantic.Field(min_length=1)]


class Choice(Model):
    """One of these values."""

    choice: Values


class Uniform(Model):
    """Any number between, each as likely."""

    uniform: Ends


class LogUniform(Model):
    """Any number between, each order of magnitude as likely; the ends must be above 0."""

    loguniform: Ends


class RandInt(Model):
    """Any whole number between, both ends included."""

    randint: Ends


Range = Choice | Uniform | LogUniform | RandInt | Values | Scalar
_Dimension = list[Value] | Uniform | LogUniform | RandInt
Method = Literal["auto", "grid", "random", "asha"]


def trials_of(
    space: dict[str, Range], fixed: dict[str, Value], method: Method, count: int, seed: int
) -> list[dict[str, Value]]:
    """The parameters of every trial: all of a grid, or ``count`` drawn by the seed, none twice.

    Raises BadInput: INPUT_PARAM_UNKNOWN, INPUT_PARAM_INVALID, INPUT_SPACE_INVALID, INPUT_GRID_TOO_LARGE.
    """
    dimensions = {check_name(name, field="space"): _values(name, of) for name, of in space.items()}
    if len(dimensions) < len(space):
        raise BadInput(
            "INPUT_SPACE_INVALID", "space: a parameter is there twice, under two names", field="space"
        )
    known = clean_params(fixed)
    for name, of in dimensions.items():
        for end in _sample(of):
            clean_params({name: end}, field="space")
    lists = {name: of for name, of in dimensions.items() if isinstance(of, list)}
    ranges = [name for name in dimensions if name not in lists]
    if method == "grid" and ranges:
        raise BadInput(
            "INPUT_SPACE_INVALID",
            f"space.{ranges[0]}: a grid needs a list of values",
            field=f"space.{ranges[0]}",
            hint='give a list, or use method "random"',
        )
    size = math.prod(len(of) for of in lists.values())
    if not ranges and (method in ("auto", "grid") or size <= count):
        if size > MOST_TRIALS:
            raise _too_large(size)
        points = itertools.product(*lists.values())
        return [{**known, **clean_params(dict(zip(lists, point, strict=True)))} for point in points]
    return _drawn(dimensions, known, count, seed)


def _values(name: str, of: Range) -> _Dimension:
    field = f"space.{name}"
    if isinstance(of, Choice):
        of = of.choice
    if isinstance(of, list):
        if len({(type(v), v) for v in of}) < len(of):
            raise BadInput("INPUT_SPACE_INVALID", f"{field}: a value is there twice", field=field)
        return of
    if isinstance(of, (Uniform, LogUniform, RandInt)):
        low, high = _ends(of)
        if not (math.isfinite(low) and math.isfinite(high)) or low >= high:
            raise BadInput("INPUT_SPACE_INVALID", f"{field}: {low} is not below {high}", field=field)
        if isinstance(of, LogUniform) and low <= 0:
            raise BadInput(
                "INPUT_SPACE_INVALID", f"{field}: a loguniform range begins above 0", field=field, value=low
            )
        if isinstance(of, RandInt) and (low != int(low) or high != int(high)):
            raise BadInput(
                "INPUT_SPACE_INVALID", f"{field}: the ends of a randint range are whole", field=field
            )
        return of
    return [of]


def _ends(of: Uniform | LogUniform | RandInt) -> tuple[float, float]:
    low, high = (
        of.uniform if isinstance(of, Uniform) else of.loguniform if isinstance(of, LogUniform) else of.randint
    )
    return low, high


def _sample(of: _Dimension) -> list[Value]:
    return of if isinstance(of, list) else list(_ends(of))


def _drawn(
    dimensions: dict[str, _Dimension], known: dict[str, Value], count: int, seed: int
) -> list[dict[str, Value]]:
    source = random.Random(seed)
    trials: list[dict[str, Value]] = []
    # A small space has fewer different points than were asked for.
    for _ in range(count * 20):
        drawn = clean_params({name: _draw(of, source) for name, of in dimensions.items()})
        if (trial := {**known, **drawn}) not in trials:
            trials.append(trial)
        if len(trials) == count:
            break
    return trials


def _draw(of: _Dimension, source: random.Random) -> Value:
    if isinstance(of, list):
        return source.choice(of)
    low, high = _ends(of)
    if isinstance(of, RandInt):
        return source.randint(int(low), int(high))
    if isinstance(of, Uniform):
        return source.uniform(low, high)
    return min(max(math.exp(source.uniform(math.log(low), math.log(high))), low), high)


def _too_large(size: int) -> BadInput:
    return BadInput(
        "INPUT_GRID_TOO_LARGE",
        f"space: the grid has {size} points, more than {MOST_TRIALS}",
        field="space",
        value=size,
        hint='shorten the lists, or use method "random" with a number of trials',
    )
