"""What is done with each row of a CSV: types, derived columns, a filter, a selection; checked before any
work.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb
import pyarrow
from column_types import SQL_TYPES
from lovage_job import BadInput
from sandboxed_sql import checked_expression, expression_error, first_line, quoted

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

    guessed: frozenset[str] = frozenset()
    """Columns whose type is no more than a guess from a sample: a value that contradicts it is no reject."""

    def query(self, source: str, *, also: tuple[str, ...] = ()) -> str:
        """SQL over a table of typed columns; ``also`` are columns of it to keep beside those selected."""
        known = {name.lower() for name in self.columns}
        for name, expression in self.derive:
            how = (
                f"* REPLACE (({expression}) AS {quoted(name)})"
                if name.lower() in known
                else (f"*, ({expression}) AS {quoted(name)}")
            )
            source = f"(SELECT {how} FROM {source})"
            known.add(name.lower())
        names = ", ".join(quoted(name) for name in (*(self.select or self.columns), *also))
        return f"SELECT {names} FROM {source}" + (f" WHERE ({self.filter})" if self.filter else "")


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
            plan.columns, plan.types, (*plan.derive, (unused(shown), canonical)), None, (unused(shown),)
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


def unused(names: Iterable[str], name: str = "value") -> str:
    """A name that is none of these, whatever their case."""
    taken = {each.lower() for each in names}
    while name in taken:
        name += "_"
    return name
