"""What type a column of text has, and how its texts become values: exactly, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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

_GUESSED = ("integer", "number", "boolean", "date", "timestamp")
_LEADING_ZERO = r"[+-]?0\d+([.].*)?"
_LONG = r"[+-]?\d{16,}"

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


def unfit(column: str, kind: str) -> str:
    """SQL that tells whether a text contradicts a type that was only guessed: it does not fit, or it would
    change (see :meth:`Evidence.kind`).
    """
    text = f"trim({quoted(column)})"
    if kind == "text":
        # So guessed for want of any value.
        return f"(NOT {missing(column, 'date')})"
    if kind == "boolean":
        return f"(NOT {missing(column, kind)} AND lower({text}) NOT IN ('true', 'false'))"
    changing = {"integer": _LEADING_ZERO, "number": f"{_LEADING_ZERO}|{_LONG}"}.get(kind)
    changed = f" OR coalesce(regexp_full_match({text}, '{changing}'), false)" if changing else ""
    return f"({misfit(column, kind)}{changed})"


@dataclass(frozen=True)
class Evidence:
    """What the texts of a column tell of its type, such that the evidence of parts can be added: how many
    there are, and how many speak against what.
    """

    filled: int
    numbers: int
    zeros: int
    long: int
    untrue: int
    unfit: tuple[int, ...]

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(
            self.filled + other.filled,
            self.numbers + other.numbers,
            self.zeros + other.zeros,
            self.long + other.long,
            self.untrue + other.untrue,
            tuple(a + b for a, b in zip(self.unfit, other.unfit, strict=True)),
        )

    def kind(self, strangers: float = 0) -> str | None:
        """The narrowest type that every value fits, or all but a share of ``strangers``; None for a column
        without a value.

        Texts such as ``00123`` (a leading zero) and whole numbers beyond 64 bits stay text: as numbers they
        would change.
        """
        most = strangers * self.filled
        unfit = dict(zip(_GUESSED, self.unfit, strict=True))
        fit = {kind: count <= most for kind, count in unfit.items()}
        if not self.filled:
            return None
        if not self.numbers:
            return "number"
        if not self.zeros:
            # Where strangers are let pass, a number such as 1.5 is none: the wider type has room for it.
            if fit["integer"] and unfit["integer"] <= unfit["number"]:
                return "integer"
            if fit["number"] and not self.long:
                return "number"
        if self.untrue <= most:
            return "boolean"
        if fit["date"] and unfit["date"] <= unfit["timestamp"]:
            return "date"
        return "timestamp" if fit["timestamp"] else "text"


def evidence(
    con: duckdb.DuckDBPyConnection, rows: pyarrow.Table, names: Iterable[str] | None = None
) -> dict[str, Evidence]:
    """The evidence of each column of texts, or of those that are named."""
    con.register("sample", rows)
    try:
        return {name: _evidence(con, name) for name in (rows.column_names if names is None else names)}
    finally:
        con.unregister("sample")


def _evidence(con: duckdb.DuckDBPyConnection, name: str) -> Evidence:
    text = f"trim({quoted(name)})"
    speaking = [
        unfit(name, "text"),
        f"NOT {missing(name, 'number')}",
        f"regexp_full_match({text}, '{_LEADING_ZERO}')",
        f"regexp_full_match({text}, '{_LONG}')",
        # 0 and 1 alone are rather numbers, t and f rather codes.
        unfit(name, "boolean"),
        *(misfit(name, kind) for kind in _GUESSED),
    ]
    counts = ", ".join(f"count(*) FILTER (WHERE {each})" for each in speaking)
    row = con.execute(f"SELECT {counts} FROM sample").fetchall()[0]
    return Evidence(*row[:5], tuple(row[5:]))


def resolved(
    columns: tuple[str, ...], types: Mapping[str, str | None], given: Mapping[str, str]
) -> dict[str, str]:
    """The types of all columns: as given, else as inferred, else text."""
    return {name: given.get(name) or types.get(name) or "text" for name in columns}
