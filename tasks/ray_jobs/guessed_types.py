"""Types of columns that nobody gave: guessed from a sample of the rows; from all of them, when that proves
wrong.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import duckdb
import pyarrow
import sandboxed_sql
from column_types import Evidence, evidence
from csv_grammar import Dialect
from csv_rows import parse
from csv_samples import spread
from csv_source import Range, joined, read_range
from failing_rows import out_of_memory
from shares import Share

STRANGERS = 0.1
"""Of the values of a column, so many may be rejected for the sake of an expression that needs a narrower type
than all of them have.
"""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Mapper(Protocol):
    """Applies a function to items, in whatever processes; results come in any order."""

    def __call__(self, items: list[Item], function: Callable[[Item], Result], /) -> Iterable[Result]: ...


@dataclass(frozen=True)
class _Look:
    """One range to look at, as it is sent to a process."""

    range: Range
    dialect: Dialect
    names: tuple[str, ...]


def locally(items: list[Item], function: Callable[[Item], Result]) -> Iterator[Result]:
    """Does the work in this process: for data so small that other processes would only cost time."""
    return map(function, items)


@dataclass(frozen=True)
class Guess:
    """The types that every value fits, and those that nearly every value fits (see ``STRANGERS``), by
    column; None for a column without a value.
    """

    all: Mapping[str, str | None]
    most: Mapping[str, str | None]

    @classmethod
    def of(cls, found: Mapping[str, Evidence]) -> Guess:
        return cls(
            {name: each.kind() for name, each in found.items()},
            {name: each.kind(STRANGERS) for name, each in found.items()},
        )

    def updated(self, other: Guess) -> Guess:
        """With what the other knows of some columns."""
        return Guess({**self.all, **other.all}, {**self.most, **other.most})


def by_sample(ranges: list[Range], dialect: Dialect) -> Guess:
    """What a sample of the rows tells of all columns."""
    tables = [
        parse(read_range(part), part, dialect).table.select(list(ranges[0].columns))
        for part in spread(ranges, dialect)
    ]
    with contextlib.closing(sandboxed_sql.connect()) as con:
        return Guess.of(evidence(con, pyarrow.concat_tables(tables)))


def by_all(
    ranges: list[Range], dialect: Dialect, names: Iterable[str], *, mapper: Mapper, size: int, share: Share
) -> Guess:
    """What all values tell of some columns. Raises JobError PART_MEMORY."""
    wanted = tuple(names)
    looks = [_Look(part, dialect, wanted) for part in joined(ranges, size)]
    found: dict[str, Evidence] = {}
    for done, each in enumerate(mapper(looks, _look), 1):
        for name, more in each.items():
            found[name] = found[name] + more if name in found else more
        share.report(done / len(looks), "a sample misled about a column's type: looking at all values")
    return Guess.of(found)


def _look(work: _Look) -> dict[str, Evidence]:
    rows = parse(read_range(work.range), work.range, work.dialect).table
    try:
        with contextlib.closing(sandboxed_sql.connect()) as con:
            return evidence(con, rows, work.names)
    except duckdb.OutOfMemoryException as error:
        raise out_of_memory("PART_MEMORY", f"the rows of one part of {work.range.path} need", error) from None
