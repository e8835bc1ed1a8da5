"""What lies behind an exception: those it was raised from, and faults that another attempt would meet again."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class LastingFault:
    """A refusal by the file system or by a store that only a person can end."""

    code: str
    message: str
    hint: str


_LASTING = {
    errno.EACCES: ("PERMISSION_DENIED", "may the user that Ray runs as read and write there?"),
    errno.EPERM: ("PERMISSION_DENIED", "may the user that Ray runs as read and write there?"),
    errno.EROFS: ("FILE_SYSTEM_READ_ONLY", "mount it for writing, or write somewhere else"),
    errno.ENAMETOOLONG: ("FILE_NAME_TOO_LONG", "a name may have 255 bytes, and a path about 4000"),
}


def chain(error: BaseException, *, contexts: bool = True) -> Iterator[BaseException]:
    """The exception and those it was raised from (Ray keeps the original as ``cause``), each once.

    ``contexts`` tells whether those count too that were being handled when another one was raised.
    """
    seen: set[int] = set()
    queue: list[BaseException] = [error]
    while queue:
        current = queue.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        context = current.__context__ if contexts else None
        for following in (getattr(current, "cause", None), current.__cause__, context):
            if isinstance(following, BaseException):
                queue.append(following)


def lasting_fault(error: BaseException) -> LastingFault | None:
    """The fault behind an exception for which a retry makes no sense, if there is one."""
    # What was merely being handled may have been an expected refusal, and is not why this failed.
    for each in chain(error, contexts=False):
        # Stores raise PermissionError without a number when they refuse the credentials.
        number = errno.EACCES if isinstance(each, PermissionError) else getattr(each, "errno", None)
        if isinstance(each, OSError) and number in _LASTING:
            code, hint = _LASTING[number]
            return LastingFault(code, f"{type(each).__name__}: {each}", hint)
    return None
