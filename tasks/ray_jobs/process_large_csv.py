"""Streams a CSV of any size through SQL expressions: derive, filter, select; writes Parquet or CSV, and the
rejects.
"""

from __future__ import annotations

import contextlib
import time
from typing import Annotated

import lovage_job
from column_types import TypeName
from csv_grammar import Dialect
from csv_source import spread
from lovage_job import BadInput, Job
from lovage_paths import REJECTS_SUFFIX, input_files, output_file
from pydantic import Field


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
    import ray_stream
    import row_sink
    import sandboxed_sql
    from column_types import resolved
    from row_plan import check_on_sample, checked_plan, output_schema

    began = time.monotonic()
    kind = row_sink.format_of(request.output)
    files = input_files(job, request.dataset, field="dataset")
    output = output_file(job, request.output, field="output")
    rejects = output_file(job, request.rejects or request.output + REJECTS_SUFFIX, field="rejects")
    for field, path in (("output", output), ("rejects", rejects)):
        if path in {file.path for file in files} or (field == "rejects" and path == output):
            raise BadInput("INPUT_PATH_INVALID", f"{field}: {path} is used twice", field=field, value=path)
    dialect = Dialect(request.delimiter, tuple(request.null_values))
    headers = csv_survey.headers_of(files, dialect, field="dataset")
    columns = headers[0].columns
    given = csv_survey.check_given_types(dict(request.types), columns)

    ranges = csv_survey.scanned(job, files, headers, dialect, share=0.1)
    types = resolved(columns, csv_survey.sampled_types(ranges, dialect), given)
    with contextlib.closing(sandboxed_sql.connect()) as con:
        plan = checked_plan(con, types, derive=request.derive, filter=request.filter, select=request.select)
        check_on_sample(con, spread(ranges, dialect)[0], dialect, plan)
        schema = output_schema(con, plan)

    job.progress(0.1, "starting processes")
    total_bytes = sum(each.end - each.start for each in ranges)
    totals = csv_conversion.convert(
        job,
        ranges,
        plan,
        dialect,
        output=output,
        rejects=rejects,
        mapper=csv_conversion.by_ray_data,
        size=csv_conversion.range_size(total_bytes, ray_stream.processes()),
        max_rejects=request.max_rejects,
        from_share=0.1,
    )
    job.progress(1, "done")
    return {
        "output": output,
        "format": kind,
        "rowsRead": totals.read,
        "rowsWritten": totals.written,
        "rowsFiltered": totals.filtered,
        "rowsRejected": totals.rejected,
        "rejects": rejects if totals.rejected else None,
        "firstRejects": totals.first,
        "columns": [{"name": each.name, "type": str(each.type)} for each in schema][:1000],
        "bytesRead": sum(max(file.size, 0) for file in files),
        "seconds": round(time.monotonic() - began, 3),
    }


if __name__ == "__main__":
    lovage_job.run(main, Request)
