"""From the bytes of a range to rows: columns of text, and the records that are no rows, with their lines."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow
import pyarrow.csv
from csv_grammar import Dialect, Grammar
from csv_source import Range

MAX_REJECT_TEXT = 10_000
"""Bytes of a rejected record that are kept."""


@dataclass(frozen=True)
class Reject:
    """A record that is no row: the line it begins on, why, and its text (cut when long)."""

    line: int
    reason: str
    text: str
    column: str | None = None


@dataclass(frozen=True)
class Parsed:
    """The rows of a range as columns of text, its rejects so far, and where each row lies: line, begin,
    end.
    """

    table: pyarrow.Table
    rejects: list[Reject]
    data: bytes
    # Called only when a row is rejected: clean data never pays for a loop over its records.
    places: Callable[[], list[tuple[int, int, int]]]

    def reject(self, row: int, reason: str, column: str | None = None) -> Reject:
        """The reject of a row that was parsed, but is no good for another reason."""
        line, begin, end = self.places()[row]
        return Reject(line, reason, _text(self.data[begin:end]), column)


def parse(data: bytes, part: Range, dialect: Dialect) -> Parsed:
    """Parses whole records into columns of text; null where the field is empty (and unquoted) or another
    null text.
    """
    grammar = Grammar(dialect.delimiter)
    spans, rejects = _spans(grammar, data, part.line)
    wrong: list[tuple[int, int]] = []

    def on_invalid(row: pyarrow.csv.InvalidRow) -> str:
        wrong.append((row.number, row.actual_columns))
        return "skip"

    good = (
        data
        if len(spans) == 1 and spans[0][:2] == (0, len(data))
        else b"".join(data[a:b] for a, b, _ in spans)
    )
    if not good.strip(b"\r\n"):
        return Parsed(_no_rows(part.columns), rejects, data, list)
    if not good.endswith(b"\n"):
        # pyarrow takes an empty field at the very end of the data for a quoted one when its neighbour is.
        good += b"\n"
    table = pyarrow.csv.read_csv(
        pyarrow.BufferReader(good),
        read_options=pyarrow.csv.ReadOptions(
            column_names=list(part.columns), use_threads=False, block_size=max(len(good) + 1, 1024)
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=on_invalid
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: pyarrow.string() for name in part.columns},
            strings_can_be_null=True,
            null_values=list(dialect.nulls),
            quoted_strings_can_be_null=False,
        ),
    )
    found: list[tuple[int, int, int]] = []

    def records() -> list[tuple[int, int, int]]:
        if not found:
            found.extend(_records(grammar, data, spans))
        return found

    for number, count in wrong:
        line, begin, end = records()[number - 1]
        rejects.append(Reject(line, f"{count} fields instead of {len(part.columns)}", _text(data[begin:end])))
    left_out = {number - 1 for number, _ in wrong}

    @functools.cache
    def places() -> list[tuple[int, int, int]]:
        return [place for number, place in enumerate(records()) if number not in left_out]

    return Parsed(table, rejects, data, places)


def _spans(grammar: Grammar, data: bytes, line: int) -> tuple[list[tuple[int, int, int]], list[Reject]]:
    """The runs of well-formed records (begin, end, line), and the broken lines between."""
    spans, rejects, position, counted, plain = [], [], 0, 0, grammar.plain(data)
    while position < len(data):
        end = grammar.good_until(data, position, plain)
        if end < len(data):
            whole = grammar.record.match(data, end)
            # The last record of a file may lack its newline.
            if whole and whole.end() == len(data):
                end = len(data)
        line += data.count(b"\n", counted, position)
        counted = position
        if end > position:
            spans.append((position, end, line))
            position = end
            continue
        newline = data.find(b"\n", position) + 1 or len(data)
        rejects.append(Reject(line, grammar.fault(data, position), _text(data[position:newline])))
        position = newline
    return spans, rejects


def _records(
    grammar: Grammar, data: bytes, spans: list[tuple[int, int, int]]
) -> Iterator[tuple[int, int, int]]:
    """Line, begin and end of every record that is not blank."""
    for begin, end, line in spans:
        for match in grammar.record.finditer(data, begin, end):
            text_end = match.start(1)
            if text_end > match.start():
                yield line, match.start(), text_end
            line += data.count(b"\n", match.start(), match.end())


def _no_rows(columns: tuple[str, ...]) -> pyarrow.Table:
    return pyarrow.table({name: pyarrow.array([], pyarrow.string()) for name in columns})


def _text(data: bytes) -> str:
    return data[:MAX_REJECT_TEXT].decode("utf-8", "replace").rstrip("\r\n")
