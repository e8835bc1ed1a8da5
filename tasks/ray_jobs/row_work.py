"""The work of a plan on the rows of one range: typed, derived, filtered, selected; and what becomes of the
others.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace

import duckdb
import numpy
import pyarrow
from column_types import cast, misfit, unfit, words
from csv_grammar import Dialect
from csv_rows import Parsed, Reject, parse
from csv_source import Range, read_range
from failing_rows import FAILS, evaluated, out_of_memory
from lovage_job import JobError
from row_plan import RowPlan, unused
from sandboxed_sql import expression_error, quoted


class UnfitError(JobError):
    """A column has a value that contradicts the type which was guessed from a sample."""

    def __init__(self, path: str, line: int, column: str, value: str, kind: str) -> None:
        what = "a value where a sample had none" if kind == "text" else f"not surely {words(kind)}"
        super().__init__(
            "COLUMN_TYPE_UNFIT",
            f"{path}, line {line}: {column[:200]}: {value[:100]!r} is {what}",
            field=column,
            value=kind,
            hint="say by `types` what the column is",
            retry=False,
        )


@dataclass(frozen=True)
class Worked:
    """What became of the rows of a range: ``read`` is the sum of the rows in ``table``, ``filtered`` and
    ``rejected``.
    """

    table: pyarrow.Table
    parsed: Parsed
    plan: RowPlan
    # Row and place of the column of each value that does not fit its type.
    misfits: tuple[numpy.ndarray, numpy.ndarray]
    # Rows for which an expression fails, and why.
    failures: list[tuple[int, str]]

    @property
    def rejected(self) -> int:
        return self.parsed.rejected + len(self.misfits[0]) + len(self.failures)

    @property
    def filtered(self) -> int:
        rows = self.parsed.table.num_rows - len(self.misfits[0]) - len(self.failures)
        return rows - self.table.num_rows

    @property
    def read(self) -> int:
        return self.table.num_rows + self.filtered + self.rejected

    def rejects(self) -> Iterator[Reject]:
        """In the order of their lines, made one by one: they may be millions."""
        failed = ((row, reason, None) for row, reason in self.failures)
        return self.parsed.rejects(heapq.merge(self._misfits(), failed, key=lambda each: each[0]))

    def _misfits(self) -> Iterator[tuple[int, str, str | None]]:
        for row, place in zip(*self.misfits, strict=True):
            name, value = self.plan.columns[place], self.parsed.table.column(int(place))[int(row)].as_py()
            yield int(row), f"{name[:200]}: {value[:100]!r} is not {words(self.plan.types[name])}", name


def work(con: duckdb.DuckDBPyConnection, part: Range, dialect: Dialect, plan: RowPlan) -> Worked:
    """Reads a range and does the plan's work on its rows; what cannot be done becomes a reject with its
    line.

    Raises UnfitError when a value contradicts a guessed type, JobError PART_MEMORY, EXPRESSION_MEMORY and
    EXPRESSION_FAILS.
    """
    parsed = parse(read_range(part), part, dialect)
    names = (*plan.columns, *(name for name, _ in plan.derive))
    row, bad = unused(names, "row"), unused(names, "bad")
    con.register("raw", parsed.table.append_column(row, pyarrow.array(numpy.arange(parsed.table.num_rows))))
    checked = plan.guessed | {name for name, kind in plan.types.items() if kind != "text"}
    typed = [(place, name) for place, name in enumerate(plan.columns) if name in checked]
    cases = " ".join(
        f"WHEN {(unfit if name in plan.guessed else misfit)(name, plan.types[name])} THEN {place}"
        for place, name in typed
    )
    values = ", ".join(f"{cast(name, plan.types[name])} AS {quoted(name)}" for name in plan.columns)
    verdict = f"CASE {cases} END" if cases else "NULL"
    try:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE typed AS SELECT {quoted(row)}, {values}, "
            f"CAST({verdict} AS INTEGER) AS {quoted(bad)} FROM raw"
        )
        found = con.execute(
            f"SELECT {quoted(row)}, {quoted(bad)} FROM typed WHERE {quoted(bad)} IS NOT NULL "
            f"ORDER BY {quoted(row)}"
        ).fetchnumpy()
        misfits = (numpy.asarray(found[row]), numpy.asarray(found[bad]))
        _check_guesses(parsed, part, plan, misfits)
        table, failures = evaluated(con, plan, row, bad)
    except duckdb.OutOfMemoryException as error:
        raise out_of_memory("PART_MEMORY", f"the rows of one part of {part.path} need", error) from None
    finally:
        con.execute("DROP TABLE IF EXISTS typed")
        con.unregister("raw")
    return Worked(table, parsed, plan, misfits, failures)


def check_on_sample(con: duckdb.DuckDBPyConnection, part: Range, dialect: Dialect, plan: RowPlan) -> None:
    """Raises BadInput INPUT_EXPRESSION when an expression fails for every row of a sample: that is not the
    rows' fault.
    """
    for steps in range(1, len(plan.derive) + 1):
        name, expression = plan.derive[steps - 1]
        until = RowPlan(plan.columns, plan.types, plan.derive[:steps], None, (name,))
        _check_some_work(con, part, dialect, until, f"derive.{name}", expression)
    if plan.filter is not None:
        _check_some_work(con, part, dialect, replace(plan, guessed=frozenset()), "filter", plan.filter)


def _check_guesses(
    parsed: Parsed, part: Range, plan: RowPlan, misfits: tuple[numpy.ndarray, numpy.ndarray]
) -> None:
    for place in numpy.unique(misfits[1]):
        name = plan.columns[place]
        if name in plan.guessed:
            row = int(misfits[0][misfits[1] == place][0])
            value = parsed.table.column(int(place))[row].as_py()
            (reject,) = [r for r in parsed.rejects([(row, "", name)]) if r.column == name]
            raise UnfitError(part.path, reject.line, name, value, plan.types[name])


def _check_some_work(
    con: duckdb.DuckDBPyConnection, part: Range, dialect: Dialect, plan: RowPlan, where: str, text: str
) -> None:
    try:
        done = work(con, part, dialect, plan)
    except JobError as error:
        raise expression_error(where, text, error.message, dict(plan.types)) from None
    if done.failures and not done.table.num_rows and not done.filtered:
        why = done.failures[0][1].removeprefix(FAILS)
        raise expression_error(where, text, why, dict(plan.types))
