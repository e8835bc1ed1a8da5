"""What a record of CSV is: RFC 4180, said as regular expressions over bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """How the fields are told apart. ``nulls`` are the unquoted texts that mean a missing value."""

    delimiter: str = ","
    nulls: tuple[str, ...] = ("",)


def many(pattern: bytes) -> bytes:
    """Any number of a pattern, and no way back into them.

    Not written as ``(?:…)*+``: Python before 3.11.5 matches that wrongly where the pattern has a choice in itself
    (https://github.com/python/cpython/issues/106052), and Debian 12 has 3.11.2.
    """
    return rb"(?>(?:" + pattern + rb")*)"


class Grammar:
    """The regular expressions of one delimiter. Possessive, so that no input makes them slow."""

    def __init__(self, delimiter: str) -> None:
        mark = re.escape(delimiter.encode())
        plain = rb'[^"\r\n' + mark + rb"]*+"
        inside = many(rb'[^"]++|""')
        field = rb'(?:"' + inside + rb'"|' + plain + rb")"
        record = field + many(mark + field)
        self.records = re.compile(many(record + rb"\r?\n"))
        self.record = re.compile(record + rb"(\r?\n|\Z)")
        # As much of a record as can be read, with a quote that is still open at the end.
        self.beginning = re.compile(many(field + mark) + rb'(?:"' + inside + rb'"?|' + plain + rb")\r?")
        self.open = re.compile(many(field + mark) + rb'"' + inside + rb"\Z")
        self.field = re.compile(field)

    def plain(self, data: bytes) -> bool:
        """Whether every newline ends a record: the common case, found at the speed of memory."""
        return b'"' not in data and data.count(b"\r") == data.count(b"\r\n")

    def good_until(self, data: bytes, position: int, plain: bool) -> int:
        """Where the run of well-formed, terminated records that begins at ``position`` ends."""
        if plain:
            return max(position, data.rfind(b"\n") + 1)
        match = self.records.match(data, position)
        return match.end() if match else position

    def fault(self, data: bytes, position: int) -> str:
        """Why the record at ``position`` is not well-formed."""
        if self.open.match(data, position):
            return "a quote is opened and not closed"
        match = self.beginning.match(data, position)
        at = match.end() if match else position
        # The pattern takes a carriage return along, since a newline may follow it.
        if data[at - 1 : at] == b"\r" and at > position:
            return "a carriage return without a newline"
        if data[at - 1 : at] != b'"':
            return "a quote inside an unquoted field"
        if data.count(b"\n", position, at):
            return "a quote is opened, and text follows where it is closed on a later line"
        return "text follows a closing quote"


def split_record(text: str, delimiter: str) -> list[str]:
    """The fields of one well-formed record as written, quotes included."""
    data, grammar, fields, at = text.encode(), Grammar(delimiter), [], 0
    while True:
        match = grammar.field.match(data, at)
        at = match.end() if match else len(data)
        fields.append(match.group().decode() if match else "")
        if at >= len(data):
            return fields
        at += 1
