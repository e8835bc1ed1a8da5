"""From CSV files to one Parquet or CSV file, range by range, in the order of the rows and in constant
memory.
"""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import row_sink
import sandboxed_sql
from column_types import resolved
from csv_grammar import Dialect
from csv_parts import FIRST_REJECTS, Part, PartResult, part_path, work_part
from csv_source import Range, broken, joined
from csv_survey import no_rows
from guessed_types import Guess, Mapper, by_all, by_sample
from lovage_job import Job, JobError
from lovage_paths import DataFile, atomic_output, scratch_folder
from row_plan import RowPlan, output_schema
from row_sink import CsvSink, ParquetSink
from row_work import UnfitError
from shares import Share

MAX_RANGE_BYTES = 32 * 1024 * 1024


@dataclass
class Totals:
    """``read`` = ``written`` + ``filtered`` + ``rejected``."""

    written: int = 0
    filtered: int = 0
    rejected: int = 0
    first: list[dict[str, Any]] = field(default_factory=list)

    @property
    def read(self) -> int:
        return self.written + self.filtered + self.rejected


@dataclass(frozen=True)
class Target:
    """Where the rows go, and the rejects if there are any; more than ``max_rejects`` are a failure."""

    output: str
    rejects: str
    max_rejects: int | None


def range_size(total: int, processes: int) -> int:
    """Bytes of a range: some for each process, so that all have work to the end, and within memory."""
    return max(4 * 1024 * 1024, min(MAX_RANGE_BYTES, total // (4 * max(1, processes))))


class Planner(Protocol):
    """Makes a plan of the types that all values have, and those that most have; ``guessed`` are the columns
    whose type is only known of a sample.
    """

    def __call__(self, all: dict[str, str], most: dict[str, str], guessed: frozenset[str], /) -> RowPlan: ...


def convert_guessing(
    job: Job,
    ranges: list[Range],
    dialect: Dialect,
    given: Mapping[str, str],
    planned: Planner,
    target: Target,
    *,
    mapper: Mapper,
    processes: Callable[[], int],
    share: Share,
) -> tuple[Totals, RowPlan]:
    """As :func:`convert`, with types that are guessed where none are ``given``: from a sample first. When a
    value contradicts the sample, the types are taken from all values and the work is done anew: where the
    sample lay makes no difference to the result.
    """
    columns = ranges[0].columns

    def plan_of(guess: Guess, guessed: frozenset[str]) -> RowPlan:
        return planned(resolved(columns, guess.all, given), resolved(columns, guess.most, given), guessed)

    guess = by_sample(ranges, dialect)
    guessed = frozenset(name for name in columns if name not in given and guess.all[name] != "text")
    plan = plan_of(guess, guessed)
    # Asked only now: what is wrong with the plan is told without the wait for a cluster.
    size = range_size(sum(each.end - each.start for each in ranges), processes())
    with contextlib.suppress(UnfitError):
        return convert(job, ranges, plan, dialect, target, mapper=mapper, size=size, share=share), plan
    everything = by_all(ranges, dialect, guessed, mapper=mapper, size=size, share=share.rest().part(0, 0.3))
    plan = plan_of(guess.updated(everything), frozenset())
    return convert(job, ranges, plan, dialect, target, mapper=mapper, size=size, share=share.rest()), plan


def convert(
    job: Job,
    ranges: list[Range],
    plan: RowPlan,
    dialect: Dialect,
    target: Target,
    *,
    mapper: Mapper,
    size: int,
    share: Share,
) -> Totals:
    """Does the plan's work on all ranges and writes one file, and one of rejects when there are any; both
    atomically.

    Raises BadInput INPUT_CSV_BROKEN when every row is rejected, INPUT_DATASET_EMPTY when there is none, and
    JobError TOO_MANY_REJECTS; UnfitError when a value contradicts a type that the plan only guesses.
    """
    output, rejects, max_rejects = target.output, target.rejects, target.max_rejects
    kind = row_sink.format_of(output)
    with contextlib.closing(sandboxed_sql.connect()) as con:
        schema = output_schema(con, plan)
    totals = Totals()
    with (
        scratch_folder(job, output) as folder,
        atomic_output(output) as partial,
        atomic_output(rejects) as partial_rejects,
    ):
        parts = [Part(n, each, folder, kind, plan, dialect) for n, each in enumerate(joined(ranges, size))]
        total_bytes, done_bytes = sum(each.range.end - each.range.start for each in parts), 0
        waiting: dict[int, PartResult] = {}
        following = 0
        with (
            row_sink.opened(kind, partial, schema) as sink,
            open(partial_rejects, "w", encoding="utf-8", newline="") as rejected,
        ):
            csv.writer(rejected, lineterminator="\n").writerow(["file", "line", "column", "reason", "text"])
            for result in mapper(parts, work_part):
                waiting[result.number] = result
                done_bytes += result.bytes
                _count(totals, result, parts[result.number].range.path)
                if max_rejects is not None and totals.rejected > max_rejects:
                    raise _too_many(totals, max_rejects)
                # Parts end in any order; their rows are written in the order of the file.
                while following in waiting:
                    _append(sink, rejected, folder, kind, waiting.pop(following))
                    following += 1
                share.report(
                    done_bytes / total_bytes,
                    "working on rows",
                    rowsRead=totals.read,
                    rowsWritten=totals.written,
                    rowsRejected=totals.rejected,
                )
        if following != len(parts) or sink.rows != totals.written:
            raise JobError("ROWS_LOST", f"{sink.rows} rows were written, but {totals.written} were to be")
        if totals.read == 0:
            raise no_rows([DataFile(parts[0].range.path, 0, "csv")])
        if totals.rejected == totals.read:
            first = totals.first[0]
            raise broken(
                first["file"], first["line"], f"none of {totals.read} rows can be used: {first['reason']}"
            )
    if not totals.rejected:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(rejects)
    return totals


def _append(sink: CsvSink | ParquetSink, rejected: Any, folder: str, kind: str, result: PartResult) -> None:
    path = part_path(folder, result.number, kind)
    sink.add(path, result.written)
    os.unlink(path)
    if result.rejected:
        path = part_path(folder, result.number, "rejects")
        with open(path, encoding="utf-8", newline="") as part:
            while text := part.read(1024 * 1024):
                rejected.write(text)
        os.unlink(path)


def _count(totals: Totals, result: PartResult, path: str) -> None:
    totals.written += result.written
    totals.filtered += result.filtered
    totals.rejected += result.rejected
    room = FIRST_REJECTS - len(totals.first)
    totals.first += [
        {"file": path, **asdict(reject), "text": reject.text[:200]} for reject in result.first[:room]
    ]


def _too_many(totals: Totals, most: int) -> JobError:
    first = totals.first[0]
    return JobError(
        "TOO_MANY_REJECTS",
        f"{totals.rejected} rows are rejected, more than {most}; the first: "
        f"line {first['line']}: {first['reason']}",
        field="maxRejects",
        hint="mend the file, give its columns other types, or raise maxRejects",
        retry=False,
    )
