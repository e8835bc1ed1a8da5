"""Streams a CSV of any size through SQL expressions: derive, filter, select; writes Parquet or CSV, and the
rejects.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import Annotated

import lovage_job
from column_types import TypeName
from csv_grammar import Dialect
from lovage_job import BadInput, Job
from lovage_paths import REJECTS_SUFFIX, DataFile, input_files, output_file, refuse_output_in_dataset
from pydantic import Field
from shares import Share


class Request(lovage_job.Model):
    """See tasks/data_tasks.ts for what the fields mean."""

    dataset: str
    output: str
    filter: str | None = None
    derive: dict[str, str] = {}
    select: list[str] | None = None
    types: dict[str, TypeName] = {}
    delimiter: Annotated[str, Field(pattern=r"^[\t -!#-~]$")] = ","
    null_values: list[str] = [""]
    rejects: str | None = None
    max_rejects: Annotated[int, Field(ge=0)] | None = None


def main(request: Request, job: Job) -> dict[str, object]:
    # Loaded only now: an input that does not validate is refused without the wait.
    import csv_conversion
    import csv_survey
    import nodes_used
    import ray_stream
    import row_sink
    import sandboxed_sql
    from bounded_report import bounded
    from csv_samples import spread
    from row_plan import RowPlan, checked_plan, output_schema
    from row_work import check_on_sample

    began = time.monotonic()
    kind = row_sink.format_of(request.output)
    output, rejects, files = _places(request, job)
    dialect = Dialect(request.delimiter, tuple(request.null_values))
    headers = csv_survey.headers_of(files, dialect, field="dataset")
    given = csv_survey.check_given_types(dict(request.types), headers[0].columns)
    ranges = csv_survey.scanned(files, headers, dialect, Share(job, 0, 0.1))
    sample = spread(ranges[:1], dialect)[0]

    def checked(types: dict[str, str]) -> RowPlan:
        with contextlib.closing(sandboxed_sql.connect()) as con:
            plan = checked_plan(
                con, types, derive=request.derive, filter=request.filter, select=request.select
            )
            check_on_sample(con, sample, dialect, plan)
        return plan

    def planned(every: dict[str, str], most: dict[str, str], guessed: frozenset[str]) -> RowPlan:
        try:
            return replace(checked(every), guessed=guessed)
        except BadInput as error:
            # A few values such as "n.a." in a column of numbers are to be rejects, not the end of the job.
            names = sandboxed_sql.columns_of([request.filter, *request.derive.values()])
            narrowed = {n for n in every if most[n] != every[n] and n.lower() in names}
            if not narrowed:
                raise
            types = {n: most[n] if n in narrowed else kind for n, kind in every.items()}
            with contextlib.suppress(BadInput):
                return replace(checked(types), guessed=guessed - narrowed)
            raise error from None

    job.progress(0.1, "starting processes")
    totals, plan = csv_conversion.convert_guessing(
        job,
        ranges,
        dialect,
        given,
        planned,
        csv_conversion.Target(output, rejects, request.max_rejects),
        mapper=ray_stream.mapped,
        processes=ray_stream.processes,
        share=Share(job, 0.1, 0.99),
    )
    with contextlib.closing(sandboxed_sql.connect()) as con:
        schema = output_schema(con, plan)
    report = {
        "output": output,
        "format": kind,
        "rowsRead": totals.read,
        "rowsWritten": totals.written,
        "rowsFiltered": totals.filtered,
        "rowsRejected": totals.rejected,
        "rejects": rejects if totals.rejected else None,
        "firstRejects": totals.first,
        "columns": [{"name": each.name, "type": str(each.type)} for each in schema],
        "bytesRead": sum(max(file.size, 0) for file in files),
        "seconds": round(time.monotonic() - began, 3),
    }
    nodes = nodes_used.nodes_used()
    report = bounded({**report, "nodes": nodes.model_dump()}, output, ("columns",))
    job.progress(1, f"done, {nodes}")
    return report


def _places(request: Request, job: Job) -> tuple[str, str, list[DataFile]]:
    """The output, the rejects and the input: no one of them where another lies or is read."""
    output = output_file(job, request.output, field="output", folder=False)
    rejects = output_file(
        job, request.rejects or request.output + REJECTS_SUFFIX, field="rejects", folder=False
    )
    if rejects == output:
        raise BadInput(
            "INPUT_PATH_INVALID", f"rejects: {rejects} is the output", field="rejects", value=rejects
        )
    files = input_files(job, request.dataset, field="dataset")
    for field, path in (("output", output), ("rejects", rejects)):
        refuse_output_in_dataset(job, path, request.dataset, files, field=field)
    return output, rejects, files


if __name__ == "__main__":
    lovage_job.run(main, Request)
