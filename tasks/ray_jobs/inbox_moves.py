"""Files that change places by a rename, and how one tells that a file is another or changed."""

from __future__ import annotations

import errno
import os

from lovage_job import JobError

Stamp = tuple[int, int, int, int]


def stamp(path: str) -> Stamp:
    """Changes when somebody writes into a file, and when another one is put in its place; links are not
    followed.
    """
    return stamp_of(os.lstat(path))


def stamp_of(found: os.stat_result) -> Stamp:
    """As :func:`stamp`, of what ``os.lstat`` found."""
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def changed(found: os.stat_result, now: float) -> float:
    """When a file's content or name changed last."""
    # Copying tools set mtime: back to the original's, or to a time to come if that clock was wrong. ctime
    # nobody can set.
    return max(found.st_ctime, found.st_mtime if found.st_mtime <= now else 0.0)


def clock(path: str) -> float:
    """The time by the clock of the file server, by which the files' times are; the local one may differ.

    ``path`` is a file of its own for this.
    """
    with open(path, "ab"):
        os.utime(path)
    return os.stat(path).st_mtime


def same(one: str, other: str) -> bool:
    """Whether two paths are names of one file."""
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except FileNotFoundError:
        return False


def rename(source: str, target: str) -> None:
    """Raises JobError INBOX_SPLIT when that would need a copy."""
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        raise JobError(
            "INBOX_SPLIT",
            f"{os.path.dirname(source)} and {os.path.dirname(target)} lie on two file systems",
            hint="files are moved by renames, which work within one file system only",
            retry=False,
        ) from error


def flush(folder: str) -> None:
    """Has the names in a folder written to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
