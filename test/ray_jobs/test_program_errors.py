"""docs/program-errors.md has every code that a program can give, and none besides."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from conftest import PROGRAMS

PAGE = PROGRAMS.parents[1] / "docs" / "program-errors.md"

CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
LINE = re.compile(r"\| `([A-Z0-9_]+)` \| (yes|no|either) \| [^|]+[.] \| [^|]+[.] \|")

# Variables have names of the same shape, and they too are first arguments.
ENVIRONMENT = re.compile(r"(^|\.)(env|environ)\.\w+$|(^|\.)getenv$")


def codes_of(source: str, *, every: bool = False) -> set[str]:
    """The codes in a module: those handed to calls and those under the key ``code``; of a module that is a
    table of codes, ``every`` constant of their shape."""
    tree = ast.parse(source)
    places = [tree] if every else _places(tree)
    return {
        node.value
        for place in places
        for node in ast.walk(place)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value)
    }


def _places(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not ENVIRONMENT.search(ast.unparse(node.func)):
            yield from (each for each in node.args[:1] if isinstance(each, ast.Constant | ast.IfExp))
            yield from (each.value for each in node.keywords if each.arg == "code")
        if isinstance(node, ast.Dict):
            yield from (
                value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "code"
            )


def where_given() -> dict[str, list[str]]:
    """The modules that give each code."""
    found: dict[str, list[str]] = {}
    for path in sorted(PROGRAMS.glob("*.py")):
        for code in codes_of(path.read_text(encoding="utf-8"), every=path.name == "failure_causes.py"):
            found.setdefault(code, []).append(path.name)
    return found


def documented() -> list[str]:
    """The codes of the table, in its order."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    odd = [row for row in rows if not LINE.fullmatch(row)]
    assert not odd, f"{PAGE.name}: no line of the form | `CODE` | yes, no or either | … | … |: {odd}"
    return [match[1] for row in rows if (match := LINE.fullmatch(row))]


def test_every_code_is_documented_and_no_other() -> None:
    given, told = where_given(), set(documented())
    missing = [f"{code} ({', '.join(given[code])})" for code in sorted(given.keys() - told)]
    stale = sorted(told - given.keys())
    faults = [
        f"{what}: {', '.join(codes)}"
        for what, codes in (("has no line for", missing), ("has a line for what no program gives", stale))
        if codes
    ]
    assert not faults, f"{PAGE.name} {'; '.join(faults)}"


def test_the_table_is_sorted_and_has_each_code_once() -> None:
    told = documented()
    assert told == sorted(set(told))


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ('raise JobError("A_CODE", "text")', {"A_CODE"}),
        ('raise lovage_job.BadInput("A_CODE", "OTHER_TEXT")', {"A_CODE"}),
        ('class E(JobError):\n def __init__(self):\n  super().__init__("A_CODE", "text")', {"A_CODE"}),
        ('raise out_of_memory("A_CODE", "text", error)', {"A_CODE"}),
        ('JobError("A_CODE" if lost else "B_CODE", "text")', {"A_CODE", "B_CODE"}),
        ('JobError(code="A_CODE", message="text")', {"A_CODE"}),
        ('{"code": found.code if found else "A_CODE", "status": "NO_CODE"}', {"A_CODE"}),
        ('os.environ.setdefault("RAY_VARIABLE", "1"); env.get("LOVAGE_TASK"); os.getenv("A_HOME")', set()),
        ('__all__ = ["A_NAME"]; nodes = frozenset(("COLUMN_REF", "CASE")); error.code == "A_CODE"', set()),
    ],
)
def test_what_is_taken_for_a_code(source: str, codes: set[str]) -> None:
    assert codes_of(source) == codes
