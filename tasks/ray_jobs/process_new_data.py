"""Takes each new CSV exactly once, turns it into Parquet, and says of each file what became of it."""

from __future__ import annotations

import hashlib
import os
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import lovage_job
from column_types import TypeName
from csv_grammar import Dialect
from inbox import Claim, Inbox, write_json
from lovage_job import BadInput, Job, JobError
from lovage_paths import REJECTS_SUFFIX, DataFile
from pydantic import Field

LOCAL_BYTES = 16 * 1024 * 1024
"""Smaller files are converted in this process: starting others would take longer."""

LISTED = 200
"""Files of each kind that the result names; the counts are of all."""


MAX_WAIT_SECONDS = 60
"""A run does not wait longer than this for a file to be still; the next run takes it."""


class Request(lovage_job.Model):
    """See tasks/data_tasks.ts for what the fields mean."""

    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = 10
    max_files: Annotated[int, Field(ge=1, le=100_000)] = 1000
    types: dict[str, TypeName] = {}
    delimiter: Annotated[str, Field(pattern=r"^[\t -!#-~]$")] = ","
    null_values: list[str] = [""]
    max_rejects: Annotated[int, Field(ge=0)] | None = None


class StillWrittenError(Exception):
    """The file changed while it was read."""


def main(request: Request, job: Job) -> dict[str, Any]:
    inbox = Inbox(os.path.realpath(job.datasets_dir), job.submission_id)
    with inbox.locked() as mine:
        if not mine:
            job.progress(1, "another run is at work")
            return _report({}, [], [], busy=True)
        return _run(request, job, inbox)


def _run(request: Request, job: Job, inbox: Inbox) -> dict[str, Any]:
    outcomes: dict[str, list[dict[str, Any]]] = {}

    def take(claim: Claim) -> None:
        kind, details = _process(request, job, inbox, claim)
        outcomes.setdefault(kind, []).append({"name": claim.name, **details})
        done = sum(len(each) for each in outcomes.values())
        job.progress(None, f"{claim.name}: {kind}", filesDone=done)

    inbox.sweep()
    for claim in inbox.abandoned():
        take(claim)
    left = request.max_files
    arrived = inbox.arrived(request.settle_seconds)
    for again in (True, False):
        for name in arrived.still[:left]:
            claim = inbox.claim(name)
            if claim:
                take(claim)
                left -= 1
        if not (again and arrived.moving and left and request.settle_seconds <= MAX_WAIT_SECONDS):
            break
        # Once: what arrived just now is still in a moment, and need not wait for the next run.
        job.progress(None, "waiting for files to be still")
        time.sleep(request.settle_seconds)
        arrived = inbox.arrived(request.settle_seconds)
    arrived = inbox.arrived(request.settle_seconds)
    outcomes.pop("waiting", None)
    job.progress(1, "done")
    return _report(outcomes, [*arrived.still, *arrived.moving], arrived.strange)


def _report(
    outcomes: dict[str, list[dict[str, Any]]], waiting: list[str], ignored: list[str], *, busy: bool = False
) -> dict[str, Any]:
    processed = outcomes.get("processed", [])
    failed, duplicates = outcomes.get("failed", []), outcomes.get("duplicate", [])
    return {
        "busy": busy,
        "counts": {
            "processed": len(processed),
            "failed": len(failed),
            "duplicates": len(duplicates),
            "waiting": len(waiting),
            "ignored": len(ignored),
            "rowsWritten": sum(each["rowsWritten"] for each in processed),
            "rowsRejected": sum(each["rowsRejected"] for each in processed),
        },
        "processed": processed[:LISTED],
        "failed": failed[:LISTED],
        "duplicates": duplicates[:LISTED],
        "waiting": waiting[:LISTED],
        "ignored": ignored[:LISTED],
    }


def _process(request: Request, job: Job, inbox: Inbox, claim: Claim) -> tuple[str, dict[str, Any]]:
    """One file, whatever step a dead run may have reached with it. Says where it ended: a kind and
    details.
    """
    before = claim.stamp()
    digest = _digest(claim.path)
    entry = inbox.known(digest)
    if entry and entry["claim"] != claim.key:
        note = {
            "sameContentAs": entry["name"],
            "processedAt": entry["processedAt"],
            "parquet": entry["parquet"],
        }
        target = inbox.place("duplicates", claim.name, digest)
        write_json(f"{target}.duplicate.json", note)
        return "duplicate", {**note, "file": inbox.finish(claim, "duplicates", digest)}
    if entry is None:
        target = inbox.place("processed", claim.name, digest)
        # Named by its content: a run that takes up a dead one's file writes over its result, not beside it.
        parquet = os.path.join(
            inbox.folder("parquet"), f"{os.path.splitext(claim.name)[0]}.{digest[:12]}.parquet"
        )
        try:
            counts = _converted(request, job, claim, parquet, target + REJECTS_SUFFIX)
            if claim.stamp() != before:
                raise StillWrittenError
        except StillWrittenError:
            _forget(parquet, target + REJECTS_SUFFIX)
            return "waiting", {"file": inbox.give_back(claim)}
        except JobError as error:
            if error.retry:
                raise
            if claim.stamp() != before:
                return "waiting", {"file": inbox.give_back(claim)}
            return "failed", _failed(inbox, claim, digest, error)
        entry = {
            "name": claim.name,
            "claim": claim.key,
            "sha256": digest,
            "parquet": os.path.relpath(parquet, inbox.folder(".")),
            "processedAt": datetime.now(UTC).isoformat(timespec="seconds"),
            **counts,
        }
        inbox.record(digest, entry)
    # Here too when a dead run had come as far as the ledger: only the move was left to do.
    finished = inbox.finish(claim, "processed", digest)
    details = {key: entry[key] for key in ("parquet", "sha256", "rowsRead", "rowsWritten", "rowsRejected")}
    return "processed", {**details, "file": finished}


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _converted(request: Request, job: Job, claim: Claim, parquet: str, rejects: str) -> dict[str, int]:
    import csv_conversion
    import csv_survey
    import ray_stream
    from column_types import resolved
    from row_plan import RowPlan

    size = os.path.getsize(claim.path)
    if size == 0:
        raise BadInput("INPUT_DATASET_EMPTY", f"{claim.name} is empty (0 bytes)", value=claim.name)
    file = DataFile(claim.path, size, "csv")
    dialect = Dialect(request.delimiter, tuple(request.null_values))
    headers = csv_survey.headers_of([file], dialect, field="new")
    columns = headers[0].columns
    # Types are given for all files; each has those of its columns.
    there = {name.lower() for name in columns}
    given = {name: kind for name, kind in request.types.items() if name.lower() in there}
    ranges = csv_survey.scanned(job, [file], headers, dialect, share=None)
    types = resolved(
        columns, csv_survey.sampled_types(ranges, dialect), csv_survey.check_given_types(given, columns)
    )
    local = size <= LOCAL_BYTES
    totals = csv_conversion.convert(
        job,
        ranges,
        RowPlan(columns, types, select=columns),
        dialect,
        output=parquet,
        rejects=rejects,
        mapper=csv_conversion.locally if local else csv_conversion.by_ray_data,
        size=csv_conversion.range_size(size, 1 if local else ray_stream.processes()),
        max_rejects=request.max_rejects,
        from_share=0.0,
    )
    return {"rowsRead": totals.read, "rowsWritten": totals.written, "rowsRejected": totals.rejected}


def _failed(inbox: Inbox, claim: Claim, digest: str, error: JobError) -> dict[str, Any]:
    reason = {"name": claim.name, "code": error.code, "message": error.message}
    if error.hint:
        reason["hint"] = error.hint
    # The reason first: a file in `failed` always has one. After a crash between the two it is written again.
    write_json(f"{inbox.place('failed', claim.name, digest)}.reason.json", reason)
    return {"code": error.code, "message": error.message, "file": inbox.finish(claim, "failed", digest)}


def _forget(*paths: str) -> None:
    for path in paths:
        if os.path.lexists(path):
            os.unlink(path)


if __name__ == "__main__":
    lovage_job.run(main, Request)
