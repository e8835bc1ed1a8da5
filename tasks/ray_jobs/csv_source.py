"""CSV files of any size, cut into ranges of whole records that can be parsed apart, and the rows that do not
parse.

A sequential scan finds the cuts: whether a newline ends a record depends on every quote before it. Each
range knows the line of the file it begins with, so rejected rows are named by their true lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from csv_grammar import Dialect, Grammar, split_record
from lovage_job import BadInput, JobError
from lovage_paths import DataFile, is_uri

CHUNK_BYTES = 4 * 1024 * 1024
"""How much the scan reads at once; also the least size of a range."""

MAX_RECORD_BYTES = 4 * 1024 * 1024
"""A quote that is not closed within so many bytes is taken as broken, so that memory stays bounded."""


@dataclass(frozen=True)
class Header:
    """The columns of a file, where its first record begins (in bytes), and on which line."""

    columns: tuple[str, ...]
    start: int
    line: int


@dataclass(frozen=True)
class Range:
    """Whole records of one file: bytes ``start`` to ``end``, the first on line ``line``, parsed by
    ``columns``.

    A sealed one ends with a broken line; its parser comes to the scan's verdict only if it sees nothing
    behind it.
    """

    path: str
    start: int
    end: int
    line: int
    columns: tuple[str, ...]
    sealed: bool = False


def open_bytes(path: str) -> IO[bytes]:
    """Opens a local file or an object of a remote store for reading."""
    if not is_uri(path):
        return open(path, "rb")  # noqa: SIM115 - the caller closes it
    import fsspec

    return fsspec.open(path, "rb").open()


def read_header(path: str, dialect: Dialect) -> Header:
    """Reads the names of the columns; a column without a name is called ``column_<its place>``.

    Raises BadInput INPUT_DATASET_EMPTY, INPUT_NOT_UTF8, INPUT_CSV_BROKEN.
    """
    with open_bytes(path) as file:
        data = file.read(CHUNK_BYTES)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _not_utf8(path, 0, 1, "it begins with the mark of UTF-16")
    start, line = (3 if data.startswith(b"\xef\xbb\xbf") else 0), 1
    while match := re.compile(rb"\r?\n").match(data, start):
        start, line = match.end(), line + 1
    if start >= len(data):
        raise BadInput("INPUT_DATASET_EMPTY", f"{path} has no line with text", value=path)
    grammar = Grammar(dialect.delimiter)
    match = grammar.record.match(data, start)
    if match is None or (match.end() == len(data) == CHUNK_BYTES):
        raise broken(path, line, f"the header is no record: {grammar.fault(data, start)}")
    text = _decoded(data[start : match.end()], path, start, line).rstrip("\r\n")
    if "\0" in text:
        raise broken(path, line, "the header has a NUL byte")
    columns = [_unquoted(m) for m in split_record(text, dialect.delimiter)]
    columns = [name if name.strip() else f"column_{place}" for place, name in enumerate(columns, 1)]
    seen: set[str] = set()
    for name in columns:
        if name.lower() in seen:
            raise broken(
                path, line, f"the header has two columns named {name!r} (case does not tell them apart)"
            )
        seen.add(name.lower())
    return Header(tuple(columns), match.end(), line + data[start : match.end()].count(b"\n"))


def scan(
    file: DataFile,
    header: Header,
    dialect: Dialect,
    *,
    seen: Callable[[bytes], None] = lambda data: None,
) -> Iterator[Range]:
    """Cuts a file into ranges of at least CHUNK_BYTES (the last may be smaller), in one pass of constant
    memory.

    ``seen`` gets the bytes after the header, in order. Every byte is checked to be UTF-8.
    Raises BadInput INPUT_NOT_UTF8 and INPUT_CSV_BROKEN (a line longer than MAX_RECORD_BYTES).
    """
    grammar = Grammar(dialect.delimiter)
    with open_bytes(file.path) as source:
        source.seek(header.start)
        start, line = header.start, header.line
        rest, at_end = b"", False
        while not at_end:
            fresh = source.read(CHUNK_BYTES)
            seen(fresh)
            at_end = not fresh
            data, rest = rest + fresh, b""
            done, cuts = whole_records(grammar, data, at_end, file.path, line)
            rest = data[done:]
            for begin, end in zip([0, *cuts], [*cuts, done], strict=True):
                if end > begin:
                    block = data[begin:end]
                    _decoded(block, file.path, start, line)
                    yield Range(file.path, start, start + len(block), line, header.columns, end in cuts)
                    start, line = start + len(block), line + block.count(b"\n")


def whole_records(grammar: Grammar, data: bytes, at_end: bool, path: str, line: int) -> tuple[int, list[int]]:
    """How far ``data`` has whole records, and where a range must end between."""
    position, cuts, plain = 0, [], grammar.plain(data)
    while position < len(data):
        position = grammar.good_until(data, position, plain)
        if position >= len(data):
            break
        whole = grammar.record.match(data, position)
        if at_end and whole and whole.end() == len(data):
            return len(data), cuts
        match = grammar.beginning.match(data, position)
        undecided = match is not None and match.end() == len(data)
        short = len(data) - position < MAX_RECORD_BYTES
        if undecided and short and not at_end:
            break
        newline = data.find(b"\n", position) + 1
        if newline == 0:
            if at_end:
                return len(data), cuts
            if not short:
                at = line + data.count(b"\n", 0, position)
                raise broken(path, at, f"a line is longer than {MAX_RECORD_BYTES} bytes")
            break
        # The line is broken, and reading goes on with the next one. Where the verdict hangs on how far one
        # looked (a quote that stays open), the range ends here, so that its parser comes to the same verdict.
        position = newline
        if undecided:
            cuts.append(position)
    return position, cuts


def joined(ranges: Iterator[Range] | list[Range], size: int) -> list[Range]:
    """Joins neighbouring ranges until each has about ``size`` bytes."""
    result: list[Range] = []
    for each in ranges:
        last = result[-1] if result else None
        if last and last.path == each.path and not last.sealed and each.end - last.start <= size:
            result[-1] = Range(last.path, last.start, each.end, last.line, last.columns, each.sealed)
        else:
            result.append(each)
    return result


def read_range(part: Range) -> bytes:
    """The bytes of a range. Raises JobError DATASET_CHANGED when the file became shorter since it was
    scanned.
    """
    with open_bytes(part.path) as source:
        source.seek(part.start)
        data = source.read(part.end - part.start)
    if len(data) != part.end - part.start:
        raise JobError("DATASET_CHANGED", f"{part.path} became shorter while it was read", value=part.path)
    return data


def _unquoted(field: str) -> str:
    return field[1:-1].replace('""', '"') if field.startswith('"') else field


def _decoded(data: bytes, path: str, start: int, line: int) -> str:
    try:
        return data.decode("ascii" if data.isascii() else "utf-8")
    except UnicodeDecodeError as error:
        at = line + data.count(b"\n", 0, error.start)
        raise _not_utf8(path, start + error.start, at, f"byte 0x{data[error.start]:02x}") from None


def _not_utf8(path: str, offset: int, line: int, what: str) -> BadInput:
    return BadInput(
        "INPUT_NOT_UTF8",
        f"{path} is not UTF-8: {what} at byte {offset}, line {line}",
        value=path,
        hint="convert it first, for example: iconv -f WINDOWS-1252 -t UTF-8 old.csv > new.csv",
    )


def broken(path: str, line: int, reason: str) -> BadInput:
    """The error of a CSV that cannot be read as such."""
    return BadInput(
        "INPUT_CSV_BROKEN",
        f"{path}, line {line}: {reason}",
        value=path,
        hint="is the delimiter right, are quotes doubled inside quoted fields?",
    )
