"""Names of files that others gave: bytes that need not be text, and as long as the file system allows."""

from __future__ import annotations

import os

MAX_NAME_BYTES = 255
"""What file systems allow a name."""

NOTE_BYTES = 16
"""What the longest note's name (``.duplicate.json``) adds to that of its file."""


def fitted(stem: str, ending: str, *, room: int = 0) -> str:
    """``stem`` and ``ending`` as one name, the stem cut (never within a character) so that ``room`` bytes
    are left.
    """
    data = os.fsencode(stem)
    length = max(1, MAX_NAME_BYTES - room - len(os.fsencode(ending)))
    if len(data) > length:
        while length > 1 and data[length] & 0xC0 == 0x80:
            length -= 1
        data = data[:length]
    return os.fsdecode(data) + ending


def safe(text: str) -> str:
    """An id as a name."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "_" for c in text)[-100:]
    return name if name.strip(".") else "_"


def shown(name: str) -> str:
    """A name as text: what is not UTF-8 becomes the sign of replacement."""
    return os.fsencode(name).decode("utf-8", "replace")


def is_text(name: str) -> bool:
    """Whether a name is UTF-8; Python has made lone surrogates of what is not."""
    return not any("\ud800" <= each <= "\udfff" for each in name)
