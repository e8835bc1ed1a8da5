"""One at a time may change which version of a model is in use, on storage that nodes share.

The lock has generations, files in the model's folder: whoever makes ``.lock-<n>`` holds it, and
``.lock-<n>.done`` ends it. Either is made by a hard link: at once, by one process alone. A holder that was
killed is ended by whoever has waited for it too long: that ends this one generation, whatever happened
meanwhile, so it can never end the hold of somebody else.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
import uuid
from collections.abc import Callable, Iterator

from allowed_paths import PARTIAL_PREFIX
from lovage_job import JobError

STALE_SECONDS = 60.0
"""Whoever holds it for so long is dead: what is done under it takes milliseconds."""

_PAUSE_SECONDS = 0.05
_LOCK = re.compile(r"\.lock-(\d+)(\.done)?")


@contextlib.contextmanager
def locked(folder: str, owner: str) -> Iterator[Callable[[], None]]:
    """Holds the lock of the model in ``folder``; ``owner`` is written into it, for people who look.

    Gives a check to be called right before a change: it raises JobError MODEL_LOCK_LOST when this process
    was taken for dead (it slept too long).
    """
    number = _acquired(folder, owner)

    def check() -> None:
        if _done(folder, number):
            raise JobError(
                "MODEL_LOCK_LOST",
                f"{folder} was locked for more than {STALE_SECONDS:g} s, and the lock was taken away",
                hint="another attempt finds what was done so far",
            )

    try:
        yield check
    finally:
        _make(f"{_path(folder, number)}.done", owner)


def _acquired(folder: str, owner: str) -> int:
    seen, since = 0, 0.0
    while True:
        last = _last(folder)
        if last and not _done(folder, last):
            # By this process' clock alone: those of other machines may be wrong.
            if last != seen:
                seen, since = last, time.monotonic()
            elif time.monotonic() - since > STALE_SECONDS:
                _make(f"{_path(folder, last)}.done", owner)
            time.sleep(_PAUSE_SECONDS)
        elif _make(_path(folder, last + 1), owner):
            if _last(folder) == last + 1:
                _clean(folder, last + 1)
                return last + 1
            # Who was slow between look and link has made a generation that is over and cleaned up.
            _remove(_path(folder, last + 1))


def _path(folder: str, number: int) -> str:
    return os.path.join(folder, f".lock-{number}")


def _last(folder: str) -> int:
    found = (_LOCK.fullmatch(name) for name in os.listdir(folder))
    return max((int(m[1]) for m in found if m and not m[2]), default=0)


def _done(folder: str, number: int) -> bool:
    path = _path(folder, number)
    # One that is gone was ended and followed by others.
    return os.path.exists(f"{path}.done") or not os.path.exists(path)


def _make(path: str, owner: str) -> bool:
    proposal = os.path.join(os.path.dirname(path), f"{PARTIAL_PREFIX}{uuid.uuid4().hex[:12]}")
    with open(proposal, "w", encoding="utf-8") as handle:
        handle.write(owner + "\n")
    try:
        os.link(proposal, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(proposal)
    return True


def _clean(folder: str, number: int) -> None:
    for name in os.listdir(folder):
        match = _LOCK.fullmatch(name)
        if match and int(match[1]) < number:
            _remove(os.path.join(folder, name))


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
