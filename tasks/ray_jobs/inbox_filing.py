"""The way of one claimed file: read, and put away with all that belongs to it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import new_csv
from inbox import Claim, Inbox
from inbox_names import NOTE_BYTES, fitted, shown
from inbox_report import Account
from lovage_job import Job, JobError, masked
from lovage_paths import REJECTS_SUFFIX

MESSAGE_LISTED = 500
"""Characters of a failed file's message in the report; the note beside the file has all."""


class StuckError(Exception):
    """A file could not be worked on, by no fault of its own."""


@dataclass(frozen=True)
class _Content:
    """What was read of a file: its hash, what the ledger has of that, and what the conversion counted if
    there was one.
    """

    digest: str
    entry: dict[str, Any] | None
    counts: dict[str, int]


class Filing:
    """Works on files of an inbox whose lock is held, and accounts for each."""

    def __init__(self, options: new_csv.Options, inbox: Inbox, account: Account) -> None:
        self._options = options
        self._inbox = inbox
        self._account = account

    def process(self, claim: Claim, part: Job) -> str:
        """One file, whatever step a dead run may have reached with it; says what it is now. ``part`` is the
        job as far as this file goes.

        Raises StuckError with the cause, and what the file system says when the file cannot be put away.
        """
        # Named by the claim, which nobody else has.
        mark = os.path.basename(os.path.dirname(claim.key))
        output, rejects = self._inbox.work(f"{mark}.parquet"), self._inbox.work(mark + REJECTS_SUFFIX)
        before = claim.stamp()
        try:
            found: _Content | JobError | None = self._read(claim, part, output, rejects)
        except Exception as error:
            fault = new_csv.own_fault(error, claim)
            if fault is None and claim.stamp() == before:
                raise StuckError from error
            found = fault
        if found is None or claim.stamp() != before:
            # Somebody still writes into it: whatever was read of it is not what it will be.
            _forget(output, rejects)
            self._inbox.give_back(claim)
            return "waiting"
        if isinstance(found, JobError):
            return self._failed(claim, mark, found)
        if found.entry and found.entry["claim"] != claim.key:
            return self._duplicate(claim, found.digest[:12], found.entry)
        # An entry of this claim: a dead run had come as far as the ledger, and only the move is left to do.
        entry = found.entry or self._publish(claim, found, output, rejects)
        listed = ("parquet", "sha256", "rowsRead", "rowsWritten", "rowsRejected")
        target = self._inbox.place("processed", claim.name, found.digest[:12])
        return self._finish(claim, "processed", target, {key: entry[key] for key in listed})

    def _read(self, claim: Claim, part: Job, output: str, rejects: str) -> _Content:
        digest = new_csv.digest(part.part(0, 0.1), claim)
        entry = self._inbox.known(digest)
        if entry:
            return _Content(digest, entry, {})
        counts = new_csv.convert(self._options, part.part(0.1, 1), claim, output=output, rejects=rejects)
        return _Content(digest, None, counts)

    def _publish(self, claim: Claim, content: _Content, output: str, rejects: str) -> dict[str, Any]:
        mark = content.digest[:12]
        # Named by its content: a run that takes up a dead one's file writes over its result, not beside it.
        stem = os.path.splitext(claim.name)[0]
        parquet = os.path.join(
            self._inbox.folder("parquet"), fitted(stem, f".{mark}.parquet", room=NOTE_BYTES)
        )
        self._inbox.publish(output, parquet)
        target = self._inbox.place("processed", claim.name, mark) + REJECTS_SUFFIX
        if content.counts["rowsRejected"]:
            self._inbox.publish(rejects, target)
        else:
            _forget(target)
        entry = {
            "name": claim.name,
            "claim": claim.key,
            "sha256": content.digest,
            "parquet": os.path.relpath(parquet, self._inbox.folder(".")),
            "processedAt": datetime.now(UTC).isoformat(timespec="seconds"),
            **content.counts,
        }
        self._inbox.record(content.digest, entry)
        return entry

    def _duplicate(self, claim: Claim, mark: str, entry: dict[str, Any]) -> str:
        note = {
            "sameContentAs": entry["name"],
            "processedAt": entry["processedAt"],
            "parquet": entry["parquet"],
        }
        target = self._inbox.place("duplicates", claim.name, mark)
        self._inbox.write_json(f"{target}.duplicate.json", note)
        return self._finish(claim, "duplicate", target, note)

    def _failed(self, claim: Claim, mark: str, error: JobError) -> str:
        reason = {"name": shown(claim.name), "code": error.code, "message": masked(error.message)}
        if error.hint:
            reason["hint"] = error.hint
        target = self._inbox.place("failed", claim.name, mark)
        # The reason first: a file in `failed` always has one. After a crash between the two it is written
        # again.
        self._inbox.write_json(f"{target}.reason.json", reason)
        details = {"code": error.code, "message": reason["message"][:MESSAGE_LISTED]}
        return self._finish(claim, "failed", target, details)

    def _finish(self, claim: Claim, kind: str, target: str, details: dict[str, Any]) -> str:
        self._account.add(claim.key, kind, {"name": shown(claim.name), **details, "file": shown(target)})
        self._inbox.finish(claim, target)
        return kind


def _forget(*paths: str) -> None:
    for path in paths:
        if os.path.lexists(path):
            os.unlink(path)
