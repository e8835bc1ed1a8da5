"""A folder into which others put files, and the way of one file through it, such that a crash loses and
repeats nothing.

Below the datasets folder:

    new/           where files arrive
    claimed/       files that a run took, each in a folder of its own: claimed/<submission>/<claim>/<name>
    processed/     files whose rows are in Parquet, and the rejects of each
    failed/        files that could not be used, each with <name>.reason.json beside it
    duplicates/    files whose content was processed before, each with <name>.duplicate.json beside it
    parquet/       the results
    .lovage-inbox/ the lock; ledger/: one small file for each content that was processed, named by its hash;
                   reports/: what each job did; work/: unfinished output

Every step is one rename, and each may be the last before a crash. A file is in exactly one of the folders at
any time. What a run finds in ``claimed`` when it holds the lock was left by a run before it, and is taken up
where that stopped. All folders lie on one file system.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from inbox_moves import Stamp, changed, clock, flush, rename, same, stamp, stamp_of
from inbox_names import NOTE_BYTES, fitted, safe
from lovage_job import JobError

FOLDERS = ("new", "claimed", "processed", "failed", "duplicates", "parquet")

UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart", "~")
"""Endings of names that programs give to files they still write."""

REPORTS_KEPT_SECONDS = 30 * 24 * 3600
"""How long the reports of jobs are kept."""


@dataclass(frozen=True)
class Claim:
    """A file that this run has taken: where it lies now, and how it was called."""

    path: str
    key: str
    name: str

    def stamp(self) -> Stamp:
        """Changes when somebody still writes into the file, and when another one is put in its place."""
        return stamp(self.path)

    def is_file(self) -> bool:
        """Whether it is what was to be claimed: not a link, not a folder."""
        return stat.S_ISREG(os.lstat(self.path).st_mode)


@dataclass(frozen=True)
class Arrived:
    """Names in ``new``: CSV files that are still (unchanged longest first), CSV files that may be written to
    at this moment, and whatever else is there. Names that begin with a dot or end as unfinished files do are
    in none. ``sizes`` has the bytes of the CSV files.
    """

    still: list[str]
    moving: list[str]
    strange: list[str]
    sizes: dict[str, int]


class Inbox:
    """The folders of one inbox. Use it under :meth:`locked`."""

    def __init__(self, root: str, submission_id: str) -> None:
        self._root = root
        self._state = os.path.join(root, ".lovage-inbox")
        self._ledger = os.path.join(self._state, "ledger")
        self._reports = os.path.join(self._state, "reports")
        self._work = os.path.join(self._state, "work")
        self._submission = safe(submission_id)

    def folder(self, name: str) -> str:
        """One of FOLDERS, as a path."""
        return os.path.join(self._root, name)

    def work(self, name: str) -> str:
        """The path of something unfinished. No other program has anything there."""
        return os.path.join(self._work, name)

    def report(self, job_id: str) -> str:
        """The path of the report of a job."""
        return os.path.join(self._reports, f"{safe(job_id)}.jsonl")

    @contextlib.contextmanager
    def locked(self) -> Iterator[bool]:
        """Gives False when another run is at work. The kernel frees the lock when its process ends, however
        it ends.
        """
        for path in (self._ledger, self._reports, self._work, *(self.folder(name) for name in FOLDERS)):
            os.makedirs(path, exist_ok=True)
        with open(os.path.join(self._state, "lock"), "ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def sweep(self) -> None:
        """Removes what a dead run left of unfinished output, and old reports."""
        for name in os.listdir(self._work):
            path = self.work(name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        for name in os.listdir(self._reports):
            path = os.path.join(self._reports, name)
            if time.time() - os.stat(path).st_mtime > REPORTS_KEPT_SECONDS:
                os.unlink(path)

    def arrived(self, settle_seconds: float) -> Arrived:
        """What lies in ``new``. A file is still when neither its content nor its name changed for so long."""
        now = clock(os.path.join(self._state, "clock"))
        still: list[tuple[float, str]] = []
        moving: list[str] = []
        strange: list[str] = []
        sizes: dict[str, int] = {}
        for entry in sorted(os.listdir(self.folder("new"))):
            if entry.startswith(".") or entry.lower().endswith(UNFINISHED):
                continue
            with contextlib.suppress(FileNotFoundError):
                found = os.lstat(os.path.join(self.folder("new"), entry))
                if not stat.S_ISREG(found.st_mode) or not entry.lower().endswith(".csv"):
                    strange.append(entry)
                    continue
                sizes[entry] = found.st_size
                since = changed(found, now)
                if now - since >= settle_seconds:
                    still.append((since, entry))
                else:
                    moving.append(entry)
        return Arrived([name for _, name in sorted(still)], moving, strange, sizes)

    def claim(self, name: str, settle_seconds: float = 0) -> Claim | None:
        """Takes a new file by one rename; None when it is gone, or is not still (any more)."""
        source = os.path.join(self.folder("new"), name)
        try:
            found = os.lstat(source)
        except FileNotFoundError:
            return None
        now = clock(os.path.join(self._state, "clock"))
        # It is long since the folder was looked through: other files were worked on.
        if not stat.S_ISREG(found.st_mode) or now - changed(found, now) < settle_seconds:
            return None
        key = f"{self._submission}/{uuid.uuid4().hex[:12]}"
        folder = os.path.join(self.folder("claimed"), key)
        os.makedirs(folder)
        claim = Claim(os.path.join(folder, name), f"{key}/{name}", name)
        try:
            rename(source, claim.path)
        except FileNotFoundError:
            self.release(claim)
            return None
        except BaseException:
            self.release(claim)
            raise
        if claim.stamp() != stamp_of(found):
            # Between the look and the rename somebody wrote into it, or put something else in its place.
            self.give_back(claim)
            return None
        return claim

    def abandoned(self) -> list[Claim]:
        """Files that a run before had claimed and left; what it left of empty folders is removed."""
        claims = []
        root = self.folder("claimed")
        for folder, _, names in os.walk(root, topdown=False):
            for name in sorted(names):
                path = os.path.join(folder, name)
                if same(path, os.path.join(self.folder("new"), name)):
                    # That run died while it gave the file back.
                    os.unlink(path)
                else:
                    claims.append(Claim(path, os.path.relpath(path, root), name))
            if folder != root:
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
        return sorted(claims, key=lambda claim: claim.key)

    def known(self, digest: str) -> dict[str, Any] | None:
        """What the ledger says of a content, if it was processed."""
        try:
            with open(os.path.join(self._ledger, f"{digest}.json"), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return None

    def record(self, digest: str, entry: dict[str, Any]) -> None:
        """Notes that a content is processed. From here on it is never processed again."""
        self.write_json(os.path.join(self._ledger, f"{digest}.json"), entry)

    def give_back(self, claim: Claim) -> None:
        """Puts a file back to the new ones, over none that came meanwhile."""
        path = os.path.join(self.folder("new"), claim.name)
        try:
            # A rename would replace a newcomer of the same name, and there is no lock against those.
            os.link(claim.path, path, follow_symlinks=False)
        except OSError:
            # A newcomer is there, or the file system has no links: a name that nobody else gives.
            mark = f".again-{uuid.uuid4().hex[:12]}"
            stem, suffix = os.path.splitext(claim.name)
            path = os.path.join(self.folder("new"), fitted(stem, mark + suffix))
            rename(claim.path, path)
        else:
            os.unlink(claim.path)
        flush(os.path.dirname(path))
        self.release(claim)

    def place(self, folder: str, name: str, mark: str) -> str:
        """A free path for a file in a folder: its own name, or one with ``mark``, cut where its note could
        not stand beside it otherwise.
        """
        stem, suffix = os.path.splitext(name)
        # Only the holder of the lock moves files here, so what is free now is free at the rename.
        for number in range(1_000_000):
            middle = ("", f".{mark}")[number] if number < 2 else f".{mark}.{number}"
            path = os.path.join(self.folder(folder), fitted(stem, middle + suffix, room=NOTE_BYTES))
            if not os.path.lexists(path):
                return path
        raise JobError("INBOX_FULL", f"{self.folder(folder)} has too many files named {name}", retry=False)

    def finish(self, claim: Claim, path: str) -> None:
        """Moves a file to where it stays."""
        self.publish(claim.path, path)
        self.release(claim)

    def publish(self, source: str, target: str) -> None:
        """Gives something finished its real name, in place of what a dead run made."""
        rename(source, target)
        flush(os.path.dirname(target))

    def write_json(self, path: str, value: dict[str, Any]) -> None:
        """Writes a small file at once or not at all."""
        partial = self.work(f"{uuid.uuid4().hex}.json")
        with open(partial, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        self.publish(partial, path)

    def release(self, claim: Claim) -> None:
        """Removes the folders of a claim, if they are empty."""
        for folder in (os.path.dirname(claim.path), os.path.dirname(os.path.dirname(claim.path))):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
