"""The only door to DuckDB for SQL that somebody else wrote: expressions over the columns of one row, nothing
more.

Two walls, each enough by itself: an expression is parsed, and every node of its tree must be of a known
harmless kind; and the engine that runs it may reach no file, no network, no extension and no Python
variable, has a bounded memory, and its configuration is locked.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import duckdb
from lovage_job import BadInput

MAX_EXPRESSION = 10_000
"""Characters of an expression."""

CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    # Otherwise `FROM name` finds the Python variables of whoever runs the query.
    "python_enable_replacements": "false",
    "threads": "1",
}

# What makes up an expression over one row. Left out on purpose: SUBQUERY, WINDOW, STAR, PARAMETER,
# POSITIONAL_REFERENCE, DEFAULT.
_NODES = frozenset(
    ("COLUMN_REF", "CONSTANT", "FUNCTION", "OPERATOR", "COMPARISON", "CONJUNCTION", "CASE", "CAST", "BETWEEN")
    + ("TYPE", "LAMBDA", "LAMBDA_REF", "COLLATE")
)

# Time is the same for all rows of a call, near enough; everything else that is not a pure function stays out.
_CLOCK = frozenset(("now", "today", "current_date", "transaction_timestamp", "get_current_timestamp"))

_MACROS = frozenset(
    ("if", "nullif", "split_part", "date_add", "days_in_month", "fdiv", "fmod", "array_to_string")
)

_HARMFUL = frozenset(
    ("json_serialize_sql", "json_serialize_plan", "json_deserialize_sql", "parse_duckdb_log_message")
)


def connect(memory: str = "1GB") -> duckdb.DuckDBPyConnection:
    """An engine in memory that can reach nothing but the tables that are registered with it; its times are
    UTC.
    """
    con = duckdb.connect(":memory:", config={**CONFIGURATION, "memory_limit": memory})
    # By default that of the node: a time with a zone would be another one on each.
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET lock_configuration = true")
    return con


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def checked_expression(con: duckdb.DuckDBPyConnection, text: str, *, field: str) -> str:
    """The expression as the parser understood it, rewritten from its tree, so that no comment or quote is
    left in it.

    Raises BadInput INPUT_EXPRESSION when it is anything else than one expression over the columns of one row.
    """
    if not text.strip() or len(text) > MAX_EXPRESSION or "\0" in text:
        raise expression_error(field, text, f"it is empty or longer than {MAX_EXPRESSION} characters")
    try:
        return _canonical(con, text, field)
    except duckdb.Error as error:
        raise expression_error(field, text, first_line(error)) from None
    except RecursionError:
        raise expression_error(
            field, text, "it is nested too deeply (a sum of many terms is, too)"
        ) from None


def _canonical(con: duckdb.DuckDBPyConnection, text: str, field: str) -> str:
    tree = _tree(con, f"SELECT {text}")
    if tree.get("error"):
        other = tree.get("error_type") == "not implemented"
        why = (
            "it has another statement than SELECT"
            if other
            else str(tree.get("error_message", "it cannot be parsed"))
        )
        raise expression_error(field, text, why)
    statements = tree["statements"]
    if len(statements) != 1 or _frame(statements[0]) != _frame(_tree(con, "SELECT 1")["statements"][0]):
        raise expression_error(field, text, "it is more than one expression")
    selected = statements[0]["node"]["select_list"]
    if len(selected) != 1:
        raise expression_error(field, text, "it is a list of expressions")
    if selected[0].get("alias"):
        raise expression_error(field, text, "it must not name itself with AS")
    _check_nodes(con, selected[0], field, text)
    (canonical,) = con.execute("SELECT json_deserialize_sql(?)", [json.dumps(tree)]).fetchall()[0]
    return canonical.removeprefix("SELECT ")


def columns_of(expressions: Iterable[str | None]) -> set[str]:
    """The names, in lower case, that checked expressions have for columns."""

    def named(node: Any) -> Iterator[str]:
        for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from named(each)
        if isinstance(node, dict) and node.get("class") == "COLUMN_REF":
            yield from (name.lower() for name in node["column_names"])

    with contextlib.closing(connect()) as con:
        return {name for text in expressions if text for name in named(_tree(con, f"SELECT {text}"))}


def expression_error(field: str, text: str, why: str, columns: dict[str, str] | None = None) -> BadInput:
    """INPUT_EXPRESSION, naming the field, what is wrong, and the columns there are."""
    there = (
        ""
        if columns is None
        else "; the columns are " + ", ".join(f"{n} ({t})" for n, t in columns.items())[:2000]
    )
    return BadInput(
        "INPUT_EXPRESSION",
        f"{field}: {text[:200]!r}: {why}{there}",
        field=field,
        value=text,
        hint="write one SQL expression over the columns of a row, such as: price * quantity"
        + ("; `types` says what a column is whose values differ" if columns else ""),
    )


def first_line(error: Exception) -> str:
    """What DuckDB says, without its drawing of the statement and its lists of functions."""
    return re.split(r"\n+LINE |\s*Candidate functions:", str(error))[0].strip()


def _tree(con: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    return json.loads(con.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()[0][0])


def _frame(statement: dict[str, Any]) -> Any:
    """All of a statement but its select list: only that of a bare SELECT is accepted."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                k: bare(v)
                for k, v in value.items()
                if not k.startswith("query_location") and k != "select_list"
            }
        return [bare(v) for v in value] if isinstance(value, list) else value

    return bare(statement)


def _check_nodes(con: duckdb.DuckDBPyConnection, node: Any, field: str, text: str) -> None:
    if isinstance(node, list):
        for each in node:
            _check_nodes(con, each, field, text)
    if not isinstance(node, dict):
        return
    kind = node.get("class")
    if kind is not None and kind not in _NODES:
        words = {
            "SUBQUERY": "it has a subquery",
            "WINDOW": "it has a window function, but rows are worked on apart",
            "STAR": "it has a *",
        }
        raise expression_error(
            field, text, words.get(kind, f"it has a {str(kind).lower().replace('_', ' ')}")
        )
    if kind == "FUNCTION":
        name = str(node["function_name"]).lower()
        if node.get("catalog") or node.get("schema") or name not in _functions():
            raise expression_error(
                field,
                text,
                f"there is no function {name} for the values of one row (aggregates and others are left out)",
            )
    for each in node.values():
        _check_nodes(con, each, field, text)


@functools.cache
def _functions() -> frozenset[str]:
    """Pure functions of one row, by the engine's own catalogue."""
    con = connect()
    kinds = con.execute(
        "SELECT lower(function_name), function_type, stability FROM duckdb_functions()"
    ).fetchall()
    con.close()
    pure = {name for name, kind, stability in kinds if kind == "scalar" and stability == "CONSISTENT"}
    impure = {name for name, kind, stability in kinds if kind == "scalar" and stability != "CONSISTENT"}
    lists = {name for name, kind, _ in kinds if kind == "macro" and name.startswith(("list_", "array_"))}
    return frozenset((pure | lists | _MACROS) - impure - _HARMFUL | _CLOCK)
