"""Groups and aggregates over several CSV and Parquet sources with unlike columns; exact, quantiles
included.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import lovage_job
import pydantic
from column_types import TypeName
from csv_grammar import Dialect
from csv_source import broken
from lovage_job import Job
from lovage_paths import atomic_output, output_file, refuse_output_in_dataset, scratch_folder
from pydantic import Field
from shares import Share

PREVIEW_ROWS = 20
LOCAL_BYTES = 8 * 1024 * 1024
PARTITION_BYTES = 128 * 1024 * 1024

Quantile = Annotated[float, Field(ge=0, le=1)]


class AggregationRequest(lovage_job.Model):
    """One or, for a list of quantiles, several columns of the result."""

    function: Literal["sum", "mean", "min", "max", "count", "std", "quantile"]
    column: str | None = None
    q: Quantile | Annotated[list[Quantile], Field(min_length=1, max_length=100)] | None = None
    as_: Annotated[str | None, Field(alias="as", min_length=1)] = None

    @pydantic.model_validator(mode="after")
    def _complete(self) -> AggregationRequest:
        if self.column is None and self.function != "count":
            raise ValueError(f"{self.function} needs a column")
        if (self.q is None) == (self.function == "quantile"):
            raise ValueError("q (from 0 to 1) belongs to a quantile, and a quantile needs it")
        return self


class Request(lovage_job.Model):
    """See tasks/data_tasks.ts for what the fields mean."""

    sources: Annotated[list[str], Field(min_length=1, max_length=1000)]
    output: str
    aggregations: Annotated[list[AggregationRequest], Field(min_length=1, max_length=200)]
    group_by: list[str] = []
    types: dict[str, TypeName] = {}
    delimiter: Annotated[str, Field(pattern=r"^[\t -!#-~]$")] = ","
    null_values: list[str] = [""]
    max_rejects: Annotated[int, Field(ge=0)] = 0


def main(request: Request, job: Job) -> dict[str, object]:
    began = time.monotonic()
    # Loaded only now: an input that does not validate is refused without the wait.
    import csv_conversion
    import ray_stream
    import row_sink
    import source_pieces
    import source_tables
    from guessed_types import locally
    from row_work import UnfitError

    row_sink.format_of(request.output)
    output = output_file(job, request.output, field="output", folder=False)
    dialect = Dialect(request.delimiter, tuple(request.null_values))
    sources = source_tables.opened(job, request.sources, dialect, request.types, field="sources")
    for source in sources:
        refuse_output_in_dataset(job, output, source.text, source.files, field="output")
    aggregation = _aggregation(request, sources)

    total = sum(piece.bytes for piece in source_pieces.pieces_of(sources, 1))
    local = total <= LOCAL_BYTES
    size = csv_conversion.range_size(total, 1 if local else ray_stream.processes())
    mapper = locally if local else ray_stream.mapped
    run, share = _Run(request, job, output, dialect, mapper, size, began), Share(job, 0.1, 0.99)
    try:
        report = run.report(sources, aggregation, share)
    except UnfitError:
        # Where a sample lay is to make no difference to the result.
        sources = source_tables.surveyed(
            sources, aggregation.types, dialect, mapper=mapper, size=size, share=share.rest().part(0, 0.3)
        )
        report = run.report(sources, _aggregation(request, sources), share.rest())
    job.progress(1, "done")
    return report


@dataclass(frozen=True)
class _Run:
    """What stays the same when the work is done a second time, with other types."""

    request: Request
    job: Job
    output: str
    dialect: Dialect
    mapper: Any
    size: int
    began: float

    def report(self, sources: list[Any], aggregation: Any, share: Share) -> dict[str, object]:
        """Raises UnfitError when a value contradicts a guessed type."""
        import aggregation_steps as steps
        import row_sink
        import source_pieces
        from bounded_report import bounded

        request, output, mapper = self.request, self.output, self.mapper
        kind, pieces = row_sink.format_of(output), source_pieces.pieces_of(sources, self.size)
        total = sum(piece.bytes for piece in pieces)
        partitions = min(32, math.ceil(total / PARTITION_BYTES)) if request.group_by and total else 1
        rows, rejected = [0] * len(sources), [0] * len(sources)
        # A folder of its own: tasks of an earlier run may still leave their states in theirs.
        with scratch_folder(self.job, output) as folder:
            step = steps.Work(0, None, aggregation, self.dialect, folder, partitions)
            works = [replace(step, number=n, piece=piece) for n, piece in enumerate(pieces)]
            done_bytes = 0
            for done in mapper(works, steps.piece_states):
                piece = pieces[done.number]
                rows[piece.source] += done.rows
                rejected[piece.source] += done.rejected
                if done.first and sum(rejected) > request.max_rejects:
                    error = broken(piece.path, done.first.line, done.first.reason)
                    error.hint = "mend the file, give the column another type by `types`, or allow some by `maxRejects`"
                    raise error
                done_bytes += piece.bytes
                share.report(0.8 * done_bytes / total, "aggregating", rowsRead=sum(rows) + sum(rejected))
            if sum(rows) == 0:
                raise lovage_job.BadInput("INPUT_DATASET_EMPTY", "the sources have no rows", field="sources")
            _merge([replace(step, number=n) for n in range(partitions)], share.part(0.8, 0.95), mapper)
            with atomic_output(output) as partial:
                written = steps.written(step, partial, kind, share.part(0.95, 1), preview=PREVIEW_ROWS)
        report = {
            "output": output,
            "format": kind,
            "groups": written.groups,
            "columns": written.columns,
            "rowsRead": sum(rows) + sum(rejected),
            "rowsRejected": sum(rejected),
            "sources": [
                {"source": s.text, "files": len(s.files), "rowsRead": r + x, "rowsRejected": x}
                for s, r, x in zip(sources, rows, rejected, strict=True)
            ],
            "preview": [{name: _shown(value) for name, value in row.items()} for row in written.preview],
            "seconds": round(time.monotonic() - self.began, 3),
        }
        return bounded(report, output, ("columns", "sources", "preview"))


def _aggregation(request: Request, sources: list[Any]) -> Any:
    import source_tables
    from aggregation import OF_NUMBERS, Aggregation

    measures = [measure for each in request.aggregations for measure in _measures(each)]
    # Case does not tell columns apart: what is asked for is spelled as it was first.
    spelled: dict[str, str] = {}
    wanted: dict[str, str] = {}
    asked = [(name, "groupBy") for name in request.group_by]
    asked += [(measure.column, "aggregations") for measure in measures if measure.column]
    for name, field in asked:
        if spelled.setdefault(name.lower(), name) == name:
            wanted.setdefault(name, field)
    measures = [replace(m, column=spelled[m.column.lower()]) if m.column else m for m in measures]
    numeric = {m.column for m in measures if m.column and m.function in OF_NUMBERS}
    types = source_tables.united(sources, wanted, request.types, numeric=numeric)
    return Aggregation(tuple(request.group_by), types, tuple(measures)).checked()


def _merge(works: list[Any], share: Share, mapper: Any) -> None:
    import aggregation_steps as steps
    from guessed_types import locally

    if len(works) == 1 or mapper is locally:
        for number, work in enumerate(works):
            steps.merged(work, share.part(number / len(works), (number + 1) / len(works)))
        return
    for number, _ in enumerate(mapper(works, steps.merged), 1):
        share.report(number / len(works), "putting groups together")


def _measures(each: AggregationRequest) -> Iterator[Any]:
    from aggregation import Measure

    if each.function != "quantile":
        default = f"{each.column}_{each.function}" if each.column else "count"
        yield Measure(each.as_ or default, each.function, each.column)
        return
    quantiles = each.q if isinstance(each.q, list) else [each.q]
    for q in quantiles:
        percent = f"p{float(format(q * 100, '.10g')):g}"
        name = each.as_ or str(each.column)
        name = name if each.as_ and len(quantiles) == 1 else f"{name}_{percent}"
        yield Measure(name, each.function, each.column, q)


def _shown(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (int, float, bool)) or value is None:
        return value
    return str(value)[:200]


if __name__ == "__main__":
    lovage_job.run(main, Request)
