"""The work on one range of a CSV, in whatever process: its rows and its rejects become files."""

from __future__ import annotations

import contextlib
import csv
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow.parquet
import sandboxed_sql
from csv_grammar import Dialect
from csv_rows import Reject
from csv_source import Range
from row_plan import RowPlan
from row_sink import write_csv_rows
from row_work import work

FIRST_REJECTS = 5
"""So many rejects a report shows."""


@dataclass(frozen=True)
class Part:
    """One range of the work, as it is sent to a process; its results lie in ``folder`` under its number."""

    number: int
    range: Range
    folder: str
    format: str
    plan: RowPlan
    dialect: Dialect


@dataclass(frozen=True)
class PartResult:
    """The counts of a part, and its first rejects."""

    number: int
    bytes: int
    written: int
    filtered: int
    rejected: int
    first: list[Reject]


def work_part(part: Part) -> PartResult:
    """Works on one part, in whatever process, and leaves its rows and rejects in the part's folder."""
    with contextlib.closing(sandboxed_sql.connect()) as con:
        done = work(con, part.range, part.dialect, part.plan)
    with _renamed(part_path(part.folder, part.number, part.format)) as partial:
        if part.format == "parquet":
            pyarrow.parquet.write_table(done.table, partial)
        else:
            write_csv_rows(done.table, partial)
    first: list[Reject] = []
    if done.rejected:
        with _renamed(part_path(part.folder, part.number, "rejects")) as partial:
            first = _write_rejects(partial, part.range.path, done.rejects())
    return PartResult(
        part.number,
        part.range.end - part.range.start,
        done.table.num_rows,
        done.filtered,
        done.rejected,
        first,
    )


def part_path(folder: str, number: int, kind: str) -> str:
    """Where the results of a part lie: ``kind`` is ``csv``, ``parquet`` or ``rejects``."""
    return os.path.join(folder, f"{number:08d}.{kind}")


@contextlib.contextmanager
def _renamed(path: str) -> Iterator[str]:
    # A task that Ray runs a second time, while its first try still lives, must not write into the same file.
    partial = f"{path}.{os.getpid()}"
    yield partial
    os.replace(partial, path)


def _write_rejects(path: str, source: str, rejects: Iterator[Reject]) -> list[Reject]:
    """Writes them one by one, and gives the first."""
    first = list(itertools.islice(rejects, FIRST_REJECTS))
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for each in itertools.chain(first, rejects):
            writer.writerow([source, each.line, each.column or "", each.reason, each.text])
    return first
