"""A plan's result over typed rows, and the rows at which one of its expressions fails."""

from __future__ import annotations

import duckdb
import pyarrow
from lovage_job import JobError
from row_plan import RowPlan, output_schema
from sandboxed_sql import first_line, quoted

MAX_FAILURES = 1000
"""In one range, so many rows may make an expression fail; more are no fault of the rows."""

FAILS = "an expression fails: "


def evaluated(
    con: duckdb.DuckDBPyConnection, plan: RowPlan, row: str, bad: str
) -> tuple[pyarrow.Table, list[tuple[int, str]]]:
    """The result for the rows of the table ``typed`` that are not ``bad``, and which rows fail and why.

    Raises JobError EXPRESSION_MEMORY and EXPRESSION_FAILS.
    """
    sound = f"(SELECT * EXCLUDE ({quoted(bad)}) FROM typed WHERE {quoted(bad)} IS NULL)"
    try:
        whole = _result(con, plan, f"(SELECT * EXCLUDE ({quoted(row)}) FROM {sound})")
    except duckdb.Error as error:
        whole = None
        _check_memory(error)
    if whole is not None:
        return whole, []
    suspects = _suspects(con, plan, row, sound)
    con.register("suspects", suspects)
    failures: list[tuple[int, str]] = []
    try:
        others = f"(SELECT * FROM {sound} WHERE {quoted(row)} NOT IN (SELECT {quoted(row)} FROM suspects))"
        tables = [_result(con, plan, others, row)] if suspects.num_rows else []
    except duckdb.Error as error:
        # TRY did not find the row that fails: halving does.
        _check_memory(error)
        suspects, tables = con.sql(f"SELECT * FROM {sound}").to_arrow_table(), []
    finally:
        con.unregister("suspects")
    _halve(con, plan, row, suspects, tables, failures)
    if not tables:
        return output_schema(con, plan).empty_table(), failures
    return pyarrow.concat_tables(tables).sort_by(row).drop_columns(row), failures


def out_of_memory(code: str, what: str, error: duckdb.Error) -> JobError:
    """The same work needs the same memory at every attempt."""
    return JobError(code, f"{what} too much memory: {first_line(error)}"[:1000], retry=False)


def _result(
    con: duckdb.DuckDBPyConnection, plan: RowPlan, source: str, row: str | None = None
) -> pyarrow.Table:
    return con.sql(plan.query(source, also=(row,) if row else ())).to_arrow_table()


def _suspects(con: duckdb.DuckDBPyConnection, plan: RowPlan, row: str, sound: str) -> pyarrow.Table:
    """The rows at which something fails, and those with an expression whose value is NULL in earnest."""
    steps = tuple((name, f"TRY({expression})") for name, expression in plan.derive)
    trying = RowPlan(plan.columns, plan.types, steps, None, (*plan.columns, *(name for name, _ in steps)))
    nothing = [f"{quoted(name)} IS NULL" for name, _ in steps]
    if plan.filter:
        nothing.append(f"TRY({plan.filter}) IS NULL")
    names = f"(SELECT {quoted(row)} FROM ({trying.query(sound, also=(row,))}) WHERE {' OR '.join(nothing)})"
    try:
        return con.sql(f"SELECT * FROM {sound} WHERE {quoted(row)} IN {names}").to_arrow_table()
    except duckdb.Error as error:
        _check_memory(error)
        # Something that TRY does not take: every row is suspect.
        return con.sql(f"SELECT * FROM {sound}").to_arrow_table()


def _halve(
    con: duckdb.DuckDBPyConnection,
    plan: RowPlan,
    row: str,
    rows: pyarrow.Table,
    tables: list[pyarrow.Table],
    failures: list[tuple[int, str]],
) -> None:
    if not rows.num_rows:
        return
    # Only these rows are read, not all of the part again at each halving.
    con.register("half", rows)
    try:
        tables.append(_result(con, plan, "half", row))
        return
    except duckdb.Error as error:
        _check_memory(error)
        if rows.num_rows == 1:
            failures.append((rows.column(row)[0].as_py(), FAILS + first_line(error)))
            if len(failures) > MAX_FAILURES:
                raise _fails(error) from None
            return
    finally:
        con.unregister("half")
    middle = rows.num_rows // 2
    _halve(con, plan, row, rows.slice(0, middle), tables, failures)
    _halve(con, plan, row, rows.slice(middle), tables, failures)


def _check_memory(error: duckdb.Error) -> None:
    if isinstance(error, duckdb.OutOfMemoryException):
        raise out_of_memory("EXPRESSION_MEMORY", "an expression needs", error) from None


def _fails(error: duckdb.Error) -> JobError:
    return JobError(
        "EXPRESSION_FAILS",
        f"an expression fails for more than {MAX_FAILURES} rows of one part: {first_line(error)}"[:1000],
        hint="use TRY_CAST, TRY or a CASE that leaves such rows out",
        retry=False,
    )
