"""Takes each new CSV exactly once, turns it into Parquet, and says of each file what became of it."""

from __future__ import annotations

import os
import sys
import time
import traceback
from typing import Annotated, Any

import lovage_job
import new_csv
from failure_causes import lasting_fault
from inbox import Arrived, Claim, Inbox
from inbox_filing import Filing, StuckError
from inbox_names import shown
from inbox_report import Account
from lovage_job import Job, JobError, find_job_error, masked
from pydantic import Field

MAX_WAIT_SECONDS = 60
"""A run does not wait longer than this for a file to be still; the next run takes it."""

CLOCK_TICK_SECONDS = 0.1
"""By so much a file's times may lie behind the clock: those of a wait would be missed by a hair."""

MAX_STUCK_IN_A_ROW = 5
"""After so many files that something else than the file kept from being used, no more are taken."""


class Request(new_csv.Options):
    """See tasks/data_tasks.ts for what the fields mean."""

    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = 10
    max_files: Annotated[int, Field(ge=1, le=100_000)] = 1000


def main(request: Request, job: Job) -> dict[str, Any]:
    root = os.path.realpath(job.datasets_dir)
    inbox = Inbox(root, job.submission_id)
    account = Account(root, inbox.report(job.id))
    with inbox.locked() as mine:
        if not mine:
            job.progress(1, "another run is at work")
            return account.result([], [], busy=True)
        inbox.sweep()
        account.begin(job.attempt)
        run = _Run(request, job, inbox, account)
        arrived = run.take_all()
        run.check_stuck()
        job.progress(1, "done")
        return account.result([*arrived.still, *arrived.moving], arrived.strange)


class _Run:
    """The work on an inbox while its lock is held."""

    def __init__(self, request: Request, job: Job, inbox: Inbox, account: Account) -> None:
        self._request = request
        self._job = job
        self._inbox = inbox
        self._account = account
        self._filing = Filing(request, inbox, account)
        self._stuck: list[tuple[str, BaseException]] = []
        self._in_a_row = 0

    def take_all(self) -> Arrived:
        """Takes what was left and what is new; gives what lies in ``new`` at the end."""
        settle = self._request.settle_seconds
        abandoned = self._inbox.abandoned()
        arrived = self._inbox.arrived(settle)
        # What arrived just now is still in a moment, and need not wait for the next run.
        wait = bool(arrived.moving) and settle <= MAX_WAIT_SECONDS
        first = arrived.still[: self._request.max_files]
        sizes = [_size(claim) for claim in abandoned] + [arrived.sizes[name] for name in first]
        parts = _parts(self._job.part(0, 0.8 if wait else 0.99), sizes)
        for claim, part in zip(abandoned, parts, strict=False):
            self._take(claim, part)
        # Those of the run before say nothing of the files that are new.
        self._in_a_row = 0
        left = self._request.max_files - self._take_new(first, parts[len(abandoned) :])
        if wait and left and self._in_a_row < MAX_STUCK_IN_A_ROW:
            self._job.progress(None, "waiting for files to be still")
            time.sleep(settle + CLOCK_TICK_SECONDS)
            arrived = self._inbox.arrived(settle)
            second = arrived.still[:left]
            sizes = [arrived.sizes[name] for name in second]
            self._take_new(second, _parts(self._job.part(0.8, 0.99), sizes))
        return self._inbox.arrived(settle)

    def check_stuck(self) -> None:
        """Raises JobError INBOX_FILES_LEFT when files were not worked on by no fault of theirs."""
        if not self._stuck:
            return
        name, first = self._stuck[0]
        count = len(self._stuck)
        raise JobError(
            "INBOX_FILES_LEFT",
            f"{count} {'file' if count == 1 else 'files'} could not be worked on, and the next run tries "
            f"again; the first: {shown(name)}: {type(first).__name__}: {first}",
            hint=f"what was done is told in {self._account.name}",
            retry=any(_may_pass(error) for _, error in self._stuck),
        ) from first

    def _take_new(self, names: list[str], parts: list[Job]) -> int:
        """Says how many it took."""
        taken = 0
        for name, part in zip(names, parts, strict=True):
            if self._in_a_row >= MAX_STUCK_IN_A_ROW:
                break
            try:
                claim = self._inbox.claim(name, self._request.settle_seconds)
            except OSError as error:
                # In a folder where only its owner may move a file, for one.
                self._note_stuck(name, error)
                continue
            if claim:
                self._take(claim, part)
                taken += 1
        return taken

    def _take(self, claim: Claim, part: Job) -> None:
        try:
            kind = self._filing.process(claim, part)
        except StuckError as error:
            # It stays claimed, and the next run takes it up.
            self._note_stuck(claim.name, error.__cause__ or error)
            return
        self._in_a_row = 0
        self._job.progress(None, f"{shown(claim.name)}: {kind}", filesDone=len(self._account))

    def _note_stuck(self, name: str, error: BaseException) -> None:
        print(masked("".join(traceback.format_exception(error))), file=sys.stderr, end="")
        self._job.progress(None, f"{shown(name)}: could not be worked on")
        self._stuck.append((name, error))
        self._in_a_row += 1


def _size(claim: Claim) -> int:
    return os.lstat(claim.path).st_size


def _parts(job: Job, sizes: list[int]) -> list[Job]:
    """A part of the job's progress for each file, as large as the file."""
    total, done, parts = max(1, sum(sizes)), 0, []
    for size in sizes:
        parts.append(job.part(done / total, (done + size) / total))
        done += size
    return parts


def _may_pass(error: BaseException) -> bool:
    found = find_job_error(error)
    return found.retry if found else lasting_fault(error) is None


if __name__ == "__main__":
    lovage_job.run(main, Request)
