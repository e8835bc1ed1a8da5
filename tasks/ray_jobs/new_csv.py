"""One new CSV: its content's hash, its conversion to Parquet, and whether a failure is its own fault."""

from __future__ import annotations

import hashlib
import os
from typing import Annotated

import lovage_job
from column_types import TypeName
from csv_grammar import Dialect
from failure_causes import chain
from inbox import Claim
from inbox_names import is_text, shown
from lovage_job import BadInput, Job, JobError
from lovage_paths import DataFile
from pydantic import Field
from shares import Share

LOCAL_BYTES = 16 * 1024 * 1024
"""Smaller files are converted in this process: starting others would take longer."""

HASH_BYTES = 4 * 1024 * 1024
"""How much is hashed between two words of progress."""


class Options(lovage_job.Model):
    """How each new file is read; see tasks/data_tasks.ts for what the fields mean."""

    types: dict[str, TypeName] = {}
    delimiter: Annotated[str, Field(pattern=r"^[\t -!#-~]$")] = ","
    null_values: list[str] = [""]
    max_rejects: Annotated[int, Field(ge=0)] | None = None


def digest(job: Job, claim: Claim) -> str:
    """The SHA-256 of a file. Raises BadInput INPUT_FILE_UNREADABLE, INPUT_FILE_NAME."""
    name = shown(claim.name)
    if not claim.is_file():
        raise BadInput("INPUT_FILE_UNREADABLE", f"{name} is no file but a link to one", value=name)
    if not is_text(claim.name):
        raise BadInput(
            "INPUT_FILE_NAME", f"the name {name} is not UTF-8", value=name, hint="give the file another name"
        )
    sha256, done = hashlib.sha256(), 0
    try:
        with open(claim.path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            while data := file.read(HASH_BYTES):
                sha256.update(data)
                done += len(data)
                job.progress(done / max(size, done), f"{name}: hashing")
    except PermissionError as error:
        raise BadInput(
            "INPUT_FILE_UNREADABLE",
            f"{name} may not be read: {error.strerror}",
            value=name,
            hint="let the user that Ray runs as read it, and put it into new/ again",
        ) from error
    return sha256.hexdigest()


def convert(options: Options, job: Job, claim: Claim, *, output: str, rejects: str) -> dict[str, int]:
    """Writes the rows of a file to Parquet, and those that do not parse to ``rejects`` if there are any."""
    import csv_conversion
    import csv_survey
    import ray_stream
    from guessed_types import locally
    from row_plan import RowPlan

    size = os.path.getsize(claim.path)
    if size == 0:
        raise BadInput("INPUT_DATASET_EMPTY", f"{claim.name} is empty (0 bytes)", value=claim.name)
    file = DataFile(claim.path, size, "csv")
    dialect = Dialect(options.delimiter, tuple(options.null_values))
    headers = csv_survey.headers_of([file], dialect, field="new")
    columns = headers[0].columns
    # Types are given for all files; each has those of its columns.
    there = {name.lower() for name in columns}
    given = {name: kind for name, kind in options.types.items() if name.lower() in there}
    local = size <= LOCAL_BYTES
    totals, _ = csv_conversion.convert_guessing(
        job,
        csv_survey.scanned([file], headers, dialect, Share(job, 0, 0.1)),
        dialect,
        csv_survey.check_given_types(given, columns),
        lambda types, _, guessed: RowPlan(columns, types, select=columns, guessed=guessed),
        csv_conversion.Target(output, rejects, options.max_rejects),
        mapper=locally if local else ray_stream.mapped,
        processes=(lambda: 1) if local else ray_stream.processes,
        share=Share(job, 0.1, 0.99),
    )
    return {"rowsRead": totals.read, "rowsWritten": totals.written, "rowsRejected": totals.rejected}


def own_fault(error: Exception, claim: Claim) -> JobError | None:
    """The failure of a file that can never be used as it is; None when something else failed, so that the
    file may well be used later.
    """
    import duckdb
    import pyarrow

    causes = list(chain(error, contexts=False))
    for each in causes:
        if isinstance(each, JobError):
            return None if each.retry else each
    for each in causes:
        # A lack of memory or of room on a disk is none of the file's.
        if isinstance(each, (MemoryError, OSError, duckdb.IOException, duckdb.OutOfMemoryException)):
            return None
        if isinstance(each, (duckdb.Error, pyarrow.ArrowException, UnicodeError)):
            return JobError(
                "INPUT_FILE_UNUSABLE",
                f"{shown(claim.name)} cannot be used: {type(each).__name__}: {each}",
                value=shown(claim.name),
                retry=False,
            )
    return None
