"""What is done with each row of a CSV: types, derived columns, a filter, a selection; checked before any
work.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb
import pyarrow
from column_types import SQL_TYPES, cast, misfit, words
from csv_grammar import Dialect
from csv_rows import Reject, parse
from csv_source import Range, read_range
from lovage_job import BadInput, JobError
from sandboxed_sql import checked_expression, expression_error, first_line, quoted

MAX_FAILURES = 1000
"""In one range, so many rows may make an expression fail; more are no fault of the rows."""

_FAILS = "an expression fails: "

_WRITABLE = tuple(
    "BOOLEAN TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT FLOAT DOUBLE "
    "DECIMAL VARCHAR DATE TIME".split()
)


@dataclass(frozen=True)
class RowPlan:
    """``derive`` comes first, each column may use those before it; then ``filter``; then ``select``."""

    columns: tuple[str, ...]
    types: Mapping[str, str]
    derive: tuple[tuple[str, str], ...] = ()
    filter: str | None = None
    select: tuple[str, ...] = ()

    def query(self, source: str) -> str:
        """SQL over a table of typed columns."""
        known = {name.lower() for name in self.columns}
        for name, expression in self.derive:
            how = (
                f"* REPLACE (({expression}) AS {quoted(name)})"
                if name.lower() in known
                else (f"*, ({expression}) AS {quoted(name)}")
            )
            source = f"(SELECT {how} FROM {source})"
            known.add(name.lower())
        names = ", ".join(quoted(name) for name in self.select or self.columns)
        return f"SELECT {names} FROM {source}" + (f" WHERE ({self.filter})" if self.filter else "")


@dataclass
class Worked:
    """What became of the rows of a range: ``read`` is the sum of the rows in ``table``, ``filtered`` and
    ``rejects``.
    """

    table: pyarrow.Table
    filtered: int
    rejects: list[Reject] = field(default_factory=list)

    @property
    def read(self) -> int:
        return self.table.num_rows + self.filtered + len(self.rejects)


def checked_plan(
    con: duckdb.DuckDBPyConnection,
    types: Mapping[str, str],
    *,
    derive: Mapping[str, str],
    filter: str | None,  # noqa: A002 - the request's own word
    select: list[str] | None,
) -> RowPlan:
    """Parses and binds every expression against the columns.

    Raises BadInput INPUT_EXPRESSION and INPUT_COLUMN_MISSING, before any row is read.
    """
    names = ", ".join(f"CAST(NULL AS {SQL_TYPES[kind]}) AS {quoted(name)}" for name, kind in types.items())
    source = f"(SELECT {names} LIMIT 0)"
    plan = RowPlan(tuple(types), dict(types), select=tuple(types))
    shown = dict(types)
    for name, text in derive.items():
        where = f"derive.{name}"
        if not name.strip() or len(name) > 200:
            raise expression_error(where, text, "a derived column needs a name of up to 200 characters")
        step = ((name, checked_expression(con, text, field=where)),)
        every = (*(c for c in plan.select if c.lower() != name.lower()), name)
        plan = RowPlan(plan.columns, plan.types, plan.derive + step, None, every)
        kind = _bound(con, plan, source, where, text, shown)[-1]
        if not kind.startswith(_WRITABLE) or kind.endswith("]"):
            raise expression_error(
                where, text, f"its type {kind} cannot be written to a column: CAST it, say to VARCHAR"
            )
        shown = {**{c: t for c, t in shown.items() if c.lower() != name.lower()}, name: kind}
    if filter is not None:
        canonical = checked_expression(con, filter, field="filter")
        probe = RowPlan(
            plan.columns, plan.types, (*plan.derive, (_unused(shown), canonical)), None, (_unused(shown),)
        )
        (kind,) = _bound(con, probe, source, "filter", filter, shown)
        if kind != "BOOLEAN":
            raise expression_error("filter", filter, f"it is of type {kind}, not true or false", shown)
        plan = RowPlan(plan.columns, plan.types, plan.derive, canonical, plan.select)
    if select is not None:
        plan = RowPlan(plan.columns, plan.types, plan.derive, plan.filter, tuple(_chosen(select, shown)))
    else:
        replaced = {name.lower(): name for name, _ in plan.derive}
        first = [replaced.pop(c.lower(), c) for c in plan.columns]
        plan = RowPlan(plan.columns, plan.types, plan.derive, plan.filter, (*first, *replaced.values()))
    return plan


def output_schema(con: duckdb.DuckDBPyConnection, plan: RowPlan) -> pyarrow.Schema:
    """The columns that come out, as Arrow types."""
    names = ", ".join(
        f"CAST(NULL AS {SQL_TYPES[kind]}) AS {quoted(name)}" for name, kind in plan.types.items()
    )
    return con.sql(plan.query(f"(SELECT {names} LIMIT 0)")).to_arrow_table().schema


def missing_column(field_name: str, name: str, columns: list[str]) -> BadInput:
    """INPUT_COLUMN_MISSING, with the closest name as a hint."""
    close = difflib.get_close_matches(name, columns, 1, 0.5)
    return BadInput(
        "INPUT_COLUMN_MISSING",
        f"{field_name}: there is no column {name!r}; the columns are {', '.join(columns)[:2000]}",
        field=field_name,
        value=name,
        hint=f"do you mean {close[0]!r}?" if close else None,
    )


def work(con: duckdb.DuckDBPyConnection, part: Range, dialect: Dialect, plan: RowPlan) -> Worked:
    """Reads a range and does the plan's work on its rows; what cannot be done becomes a reject with its
    line.
    """
    parsed = parse(read_range(part), part, dialect)
    row, bad = _unused(plan.types, "row"), _unused(plan.types, "bad")
    numbers = pyarrow.array(range(parsed.table.num_rows), pyarrow.int64())
    con.register("raw", parsed.table.append_column(row, numbers))
    checked = [(place, name) for place, name in enumerate(plan.columns) if plan.types[name] != "text"]
    cases = " ".join(f"WHEN {misfit(name, plan.types[name])} THEN {place}" for place, name in checked)
    values = ", ".join(f"{cast(name, plan.types[name])} AS {quoted(name)}" for name in plan.columns)
    verdict = f"CASE {cases} END" if cases else "NULL"
    try:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE typed AS SELECT {quoted(row)}, {values}, "
            f"CAST({verdict} AS INTEGER) AS {quoted(bad)} FROM raw"
        )
        rejects = list(parsed.rejects)
        misfits = con.execute(
            f"SELECT {quoted(row)}, {quoted(bad)} FROM typed WHERE {quoted(bad)} IS NOT NULL"
        ).fetchall()
        for number, place in misfits:
            name = plan.columns[place]
            value = parsed.table.column(place)[number].as_py()
            rejects.append(
                parsed.reject(number, f"{name}: {value[:100]!r} is not {words(plan.types[name])}", name)
            )
        failures: list[tuple[int, str]] = []
        tables = list(_evaluated(con, plan, row, bad, 0, parsed.table.num_rows, failures))
        table = pyarrow.concat_tables(tables) if tables else output_schema(con, plan).empty_table()
    finally:
        con.execute("DROP TABLE IF EXISTS typed")
        con.unregister("raw")
    rejects += [parsed.reject(number, reason) for number, reason in failures]
    rejects.sort(key=lambda reject: reject.line)
    good = parsed.table.num_rows - len(misfits) - len(failures)
    return Worked(table, good - table.num_rows, rejects)


def check_on_sample(con: duckdb.DuckDBPyConnection, part: Range, dialect: Dialect, plan: RowPlan) -> None:
    """Raises BadInput INPUT_EXPRESSION when an expression fails for every row of a sample: that is not the
    rows' fault.
    """
    for steps in range(1, len(plan.derive) + 1):
        name, expression = plan.derive[steps - 1]
        until = RowPlan(plan.columns, plan.types, plan.derive[:steps], None, (name,))
        _check_some_work(con, part, dialect, until, f"derive.{name}", expression)
    if plan.filter is not None:
        _check_some_work(con, part, dialect, plan, "filter", plan.filter)


def _check_some_work(
    con: duckdb.DuckDBPyConnection, part: Range, dialect: Dialect, plan: RowPlan, where: str, text: str
) -> None:
    try:
        done = work(con, part, dialect, plan)
    except JobError as error:
        raise expression_error(where, text, error.message, dict(plan.types)) from None
    failed = [reject.reason for reject in done.rejects if reject.reason.startswith(_FAILS)]
    if failed and not done.table.num_rows and not done.filtered:
        raise expression_error(where, text, failed[0].removeprefix(_FAILS), dict(plan.types))


def _evaluated(con, plan: RowPlan, row: str, bad: str, low: int, high: int, failures: list[tuple[int, str]]):  # noqa: ANN001, ANN202
    """The result for rows ``low`` to ``high``; rows at which an expression fails are found by halving."""
    if low >= high:
        return
    rows = f"{quoted(row)} >= {low} AND {quoted(row)} < {high}"
    source = (
        f"(SELECT * EXCLUDE ({quoted(row)}, {quoted(bad)}) FROM typed WHERE {quoted(bad)} IS NULL AND {rows})"
    )
    try:
        yield con.sql(plan.query(source)).to_arrow_table()
        return
    except duckdb.OutOfMemoryException as error:
        raise JobError(
            "EXPRESSION_MEMORY", f"an expression needs too much memory: {first_line(error)}", retry=False
        ) from None
    except duckdb.Error as error:
        if high - low == 1:
            failures.append((low, _FAILS + first_line(error)))
    if high - low == 1:
        if len(failures) > MAX_FAILURES:
            raise JobError(
                "EXPRESSION_FAILS",
                f"an expression fails for more than {MAX_FAILURES} rows of one part: {failures[-1][1]}",
                hint="use TRY_CAST, TRY or a CASE that leaves such rows out",
                retry=False,
            )
        return
    middle = (low + high) // 2
    yield from _evaluated(con, plan, row, bad, low, middle, failures)
    yield from _evaluated(con, plan, row, bad, middle, high, failures)


def _bound(
    con: duckdb.DuckDBPyConnection,
    plan: RowPlan,
    source: str,
    where: str,
    text: str,
    shown: Mapping[str, str],
) -> list[str]:
    try:
        described = con.execute(f"DESCRIBE {plan.query(source)}").fetchall()
        # Binding alone does not fold constants: CAST('x' AS INTEGER) is found by running it.
        con.execute(plan.query(source)).fetchall()
    except duckdb.Error as error:
        raise expression_error(where, text, first_line(error), dict(shown)) from None
    return [str(kind) for _, kind, *_ in described]


def _chosen(select: list[str], shown: Mapping[str, str]) -> list[str]:
    names = {name.lower(): name for name in shown}
    chosen: list[str] = []
    for name in select:
        if name.lower() not in names:
            raise missing_column("select", name, list(shown))
        if names[name.lower()] in chosen:
            raise BadInput(
                "INPUT_COLUMN_TWICE", f"select: {name!r} is there twice", field="select", value=name
            )
        chosen.append(names[name.lower()])
    if not chosen:
        raise BadInput("INPUT_INVALID", "select: no column is selected", field="select")
    return chosen


def _unused(names: Mapping[str, str], name: str = "value") -> str:
    taken = {each.lower() for each in names}
    while name in taken:
        name += "_"
    return name
