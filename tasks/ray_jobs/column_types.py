"""What type a column of text has, and how its texts become values: exactly, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import duckdb
import pyarrow
from sandboxed_sql import quoted

TypeName = Literal["text", "integer", "number", "boolean", "date", "timestamp"]

SQL_TYPES: dict[str, str] = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}

_WORDS = {
    "text": "text",
    "integer": "a whole number of 64 bits",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date (2024-12-31)",
    "timestamp": "a time (2024-12-31 23:59:59)",
}

_DATE = r"\d{4}-\d{1,2}-\d{1,2}"
_TIME = r"\d{1,2}:\d{2}(:\d{2}([.]\d{1,9})?)?"
_SHAPES = {
    # DuckDB's own casts are too kind: '1.5' would become the integer 2, a date would lose its time of day.
    "integer": r"[+-]?\d+",
    "number": r"[+-]?(\d+[.]?\d*|[.]\d+)([eE][+-]?\d+)?|[+-]?[iI][nN][fF]([iI][nN][iI][tT][yY])?",
    "date": _DATE,
    "timestamp": rf"{_DATE}([T ]{_TIME} ?(Z|[+-]\d{{2}}(:?\d{{2}})?)?)?",
}


def cast(column: str, kind: str) -> str:
    """SQL of the value of a text column: NULL when it is missing or does not fit. Times with an offset
    become UTC.
    """
    name = quoted(column)
    if kind == "text":
        return name
    text = f"trim({name})"
    if kind == "boolean":
        lower = f"lower({text})"
        yes, no = "('true','t','yes','y','1')", "('false','f','no','n','0')"
        return f"CASE WHEN {lower} IN {yes} THEN true WHEN {lower} IN {no} THEN false END"
    value = f"TRY_CAST({text} AS {SQL_TYPES[kind]})"
    if kind == "timestamp":
        # A cast to TIMESTAMP would leave an offset out without a word.
        utc = f"make_timestamp(epoch_us(TRY_CAST({text} AS TIMESTAMPTZ)))"
        value = f"CASE WHEN regexp_full_match({text}, '.*:.*(Z|[+-][0-9:]+)') THEN {utc} ELSE {value} END"
    return f"CASE WHEN regexp_full_match({text}, '{_SHAPES[kind]}') THEN {value} END"


def missing(column: str, kind: str) -> str:
    """SQL that tells whether a text column has no value: in other columns than text, blank and (for numbers)
    NaN too.
    """
    name = quoted(column)
    if kind == "text":
        return f"{name} IS NULL"
    blank = f"{name} IS NULL OR trim({name}) = ''"
    return f"({blank} OR lower(trim({name})) = 'nan')" if kind in ("integer", "number") else f"({blank})"


def misfit(column: str, kind: str) -> str:
    """SQL that tells whether a text is there, but does not fit the type."""
    return f"({cast(column, kind)} IS NULL AND NOT {missing(column, kind)})"


def words(kind: str) -> str:
    """The type in words."""
    return _WORDS[kind]


def inferred(con: duckdb.DuckDBPyConnection, sample: pyarrow.Table) -> dict[str, str | None]:
    """The narrowest type that every value of the sample fits; None for a column without a value.

    Texts such as ``00123`` (a leading zero) and whole numbers beyond 64 bits stay text: as numbers they
    would change.
    """
    con.register("sample", sample)
    try:
        return {name: _inferred(con, name) for name in sample.column_names}
    finally:
        con.unregister("sample")


def _inferred(con: duckdb.DuckDBPyConnection, name: str) -> str | None:
    text = f"trim({quoted(name)})"
    kinds = ("integer", "number", "boolean", "date", "timestamp")
    fits = ", ".join(f"bool_and(NOT {misfit(name, kind)})" for kind in kinds)
    row = con.execute(
        f"SELECT count(*) FILTER (WHERE NOT {missing(name, 'number')}), "
        f"count(*) FILTER (WHERE NOT {missing(name, 'date')}), "
        f"coalesce(bool_or(regexp_full_match({text}, '[+-]?0\\d+([.].*)?')), false), "
        f"coalesce(bool_or(regexp_full_match({text}, '[+-]?\\d{{16,}}')), false), "
        # 0 and 1 alone are rather numbers, t and f rather codes.
        f"coalesce(bool_and({missing(name, 'boolean')} OR lower({text}) IN ('true', 'false')), false), "
        f"{fits} FROM sample"
    ).fetchall()[0]
    numbers, filled, zeros, long, truths, *fitting = row
    fit = dict(zip(kinds, fitting, strict=True))
    if not filled:
        return None
    if not numbers:
        return "number"
    if not zeros:
        if fit["integer"]:
            return "integer"
        if fit["number"] and not long:
            return "number"
    if truths:
        return "boolean"
    if fit["date"]:
        return "date"
    return "timestamp" if fit["timestamp"] else "text"


def resolved(
    columns: tuple[str, ...], types: Mapping[str, str | None], given: Mapping[str, str]
) -> dict[str, str]:
    """The types of all columns: as given, else as inferred, else text."""
    return {name: given.get(name) or types.get(name) or "text" for name in columns}
