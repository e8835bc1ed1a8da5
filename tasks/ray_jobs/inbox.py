"""A folder into which others put files, and the way of one file through it, such that a crash loses and
repeats nothing.

Below the datasets folder:

    new/           where files arrive
    claimed/       files that a run took, each in a folder of its own: claimed/<submission>/<claim>/<name>
    processed/     files whose rows are in Parquet, and the rejects of each
    failed/        files that could not be used, each with <name>.reason.json beside it
    duplicates/    files whose content was processed before, each with <name>.duplicate.json beside it
    parquet/       the results
    .lovage-inbox/ the lock, and the ledger: one small file for each content that was processed, named by its
    hash

Every step is one rename, and each may be the last before a crash. A file is in exactly one of the folders at
any time. What a run finds in ``claimed`` when it holds the lock belongs to a run that is dead, and is taken
up where it stopped.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lovage_job import JobError
from lovage_paths import PARTIAL_PREFIX, atomic_output

FOLDERS = ("new", "claimed", "processed", "failed", "duplicates", "parquet")

UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart", "~")
"""Endings of names that programs give to files they still write."""


@dataclass(frozen=True)
class Claim:
    """A file that this run has taken: where it lies now, and how it was called."""

    path: str
    key: str
    name: str

    def stamp(self) -> tuple[int, int, int]:
        """Changes when somebody still writes into the file."""
        found = os.stat(self.path)
        return (found.st_size, found.st_mtime_ns, found.st_ino)


@dataclass(frozen=True)
class Arrived:
    """Names in ``new``: CSV files that are still (unchanged longest first), CSV files that may be written to
    at this moment, and whatever else is there. Names that begin with a dot or end as unfinished files do are
    in none.
    """

    still: list[str]
    moving: list[str]
    strange: list[str]


class Inbox:
    """The folders of one inbox. Use it under :meth:`locked`."""

    def __init__(self, root: str, submission_id: str) -> None:
        self._root = root
        self._state = os.path.join(root, ".lovage-inbox")
        self._ledger = os.path.join(self._state, "ledger")
        self._submission = "".join(c if c.isalnum() or c in "_.-" else "_" for c in submission_id)[-100:]

    def folder(self, name: str) -> str:
        """One of FOLDERS, as a path."""
        return os.path.join(self._root, name)

    @contextlib.contextmanager
    def locked(self) -> Iterator[bool]:
        """Gives False when another run is at work. The kernel frees the lock when its process ends, however
        it ends.
        """
        for path in (self._ledger, *(self.folder(name) for name in FOLDERS)):
            os.makedirs(path, exist_ok=True)
        with open(os.path.join(self._state, "lock"), "ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def sweep(self) -> None:
        """Removes what a dead run left of unfinished output."""
        for folder in (
            self._ledger,
            *(self.folder(name) for name in FOLDERS if name not in ("new", "claimed")),
        ):
            for name in os.listdir(folder):
                if name.startswith(PARTIAL_PREFIX):
                    path = os.path.join(folder, name)
                    shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)

    def arrived(self, settle_seconds: float) -> Arrived:
        """What lies in ``new``. A file is still when neither its content nor its name changed for so long."""
        now = self._clock()
        still: list[tuple[float, str]] = []
        moving: list[str] = []
        strange: list[str] = []
        for entry in sorted(os.listdir(self.folder("new"))):
            if entry.startswith(".") or entry.lower().endswith(UNFINISHED):
                continue
            path = os.path.join(self.folder("new"), entry)
            if os.path.islink(path) or not os.path.isfile(path) or not entry.lower().endswith(".csv"):
                strange.append(entry)
                continue
            with contextlib.suppress(FileNotFoundError):
                found = os.stat(path)
                # Copying tools set mtime back to the original's; ctime nobody can set.
                changed = max(found.st_mtime, found.st_ctime)
                if now - changed >= settle_seconds:
                    still.append((changed, entry))
                else:
                    moving.append(entry)
        return Arrived([name for _, name in sorted(still)], moving, strange)

    def claim(self, name: str) -> Claim | None:
        """Takes a new file by one rename; None when it is gone."""
        key = f"{self._submission}/{uuid.uuid4().hex[:12]}"
        folder = os.path.join(self.folder("claimed"), key)
        os.makedirs(folder)
        claim = Claim(os.path.join(folder, name), f"{key}/{name}", name)
        try:
            os.rename(os.path.join(self.folder("new"), name), claim.path)
        except FileNotFoundError:
            self.release(claim)
            return None
        except OSError as error:
            self.release(claim)
            if error.errno == errno.EXDEV:
                raise JobError(
                    "INBOX_SPLIT",
                    f"{self.folder('new')} and {self.folder('claimed')} lie on two file systems",
                    hint="files are taken by a rename, which works within one file system only",
                    retry=False,
                ) from error
            raise
        return claim

    def abandoned(self) -> list[Claim]:
        """Files that a dead run had claimed; what it left of empty folders is removed."""
        claims = []
        root = self.folder("claimed")
        for folder, _, names in os.walk(root, topdown=False):
            for name in sorted(names):
                path = os.path.join(folder, name)
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
        write_json(os.path.join(self._ledger, f"{digest}.json"), entry)

    def give_back(self, claim: Claim) -> str:
        """Puts a file back to the new ones."""
        path = self._move(claim, "new", claim.name, "again")
        self.release(claim)
        return path

    def place(self, folder: str, name: str, digest: str) -> str:
        """The path that :meth:`finish` gives a file in a folder: its own name, or one with its content's
        hash.
        """
        return self._place(folder, name, digest[:12])

    def finish(self, claim: Claim, folder: str, digest: str) -> str:
        """Moves a file to where it stays."""
        path = self._move(claim, folder, claim.name, digest[:12])
        self.release(claim)
        return path

    def release(self, claim: Claim) -> None:
        """Removes the folders of a claim, if they are empty."""
        for folder in (os.path.dirname(claim.path), os.path.dirname(os.path.dirname(claim.path))):
            with contextlib.suppress(OSError):
                os.rmdir(folder)

    def _move(self, claim: Claim, folder: str, name: str, mark: str) -> str:
        path = self._place(folder, name, mark)
        os.rename(claim.path, path)
        _flush(os.path.dirname(path))
        return path

    def _place(self, folder: str, name: str, mark: str) -> str:
        # Only the holder of the lock moves files here, so what is free now is free at the rename.
        stem, suffix = os.path.splitext(name)
        for number in range(1_000_000):
            middle = ("", f".{mark}")[number] if number < 2 else f".{mark}.{number}"
            path = os.path.join(self.folder(folder), f"{stem}{middle}{suffix}")
            if not os.path.lexists(path):
                return path
        raise JobError("INBOX_FULL", f"{self.folder(folder)} has too many files named {name}", retry=False)

    def _clock(self) -> float:
        # The file server's clock, by which the files' times are; the local one may differ.
        path = os.path.join(self._state, "clock")
        with open(path, "ab"):
            os.utime(path)
        return os.stat(path).st_mtime


def write_json(path: str, value: dict[str, Any]) -> None:
    """Writes a small file at once or not at all."""
    with atomic_output(path) as partial, open(partial, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
        file.write("\n")


def _flush(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
