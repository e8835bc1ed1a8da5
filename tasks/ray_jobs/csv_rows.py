"""From the bytes of a range to rows: columns of text, and the records that are no rows, with their lines."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow
import pyarrow.csv
from csv_grammar import Dialect, Grammar
from csv_source import Range

MAX_REJECT_TEXT = 10_000
"""Bytes of a rejected record that are kept."""

MAX_REASON = 500
"""Characters of a reason: what an expression says of a failure can repeat the whole value."""


@dataclass(frozen=True)
class Reject:
    """A record that is no row: the line it begins on, why, and its text (cut when long)."""

    line: int
    reason: str
    text: str
    column: str | None = None


@dataclass(frozen=True)
class Parsed:
    """The rows of a range as columns of text; what is no row is read again from ``data`` when it is asked
    for, so that it takes no memory however many there are.
    """

    table: pyarrow.Table
    data: bytes
    line: int
    grammar: Grammar
    # Begins and ends of the runs of well-formed records, one after the other; the lines between are broken.
    spans: array[int]
    broken: int
    # Of the well-formed records, those with another number of fields: which (from 1), and how many they have.
    miscounted: array[int]
    counts: array[int]

    @property
    def rejected(self) -> int:
        """How many records are no rows."""
        return self.broken + len(self.miscounted)

    def rejects(self, more: Iterable[tuple[int, str, str | None]] = ()) -> Iterator[Reject]:
        """The records that are no rows, and the rows that ``more`` names (row, reason, column; ascending),
        all in the order of their lines.
        """
        following = iter(more)
        bad = next(following, None)
        left, wrong, number, row = self.rejected, 0, 0, -1
        columns = self.table.num_columns
        for line, begin, end, broken in self._records():
            if not left and bad is None:
                return
            if broken:
                left -= 1
                yield Reject(line, self.grammar.fault(self.data, begin), _text(self.data[begin:end]))
                continue
            number += 1
            if wrong < len(self.miscounted) and self.miscounted[wrong] == number:
                reason = f"{self.counts[wrong]} fields instead of {columns}"
                left, wrong = left - 1, wrong + 1
                yield Reject(line, reason, _text(self.data[begin:end]))
                continue
            row += 1
            if bad is not None and bad[0] == row:
                yield Reject(line, bad[1][:MAX_REASON], _text(self.data[begin:end]), bad[2])
                bad = next(following, None)

    def _records(self) -> Iterator[tuple[int, int, int, bool]]:
        """Line, begin and end of every record that is not blank, and whether it is broken."""
        line, position = self.line, 0
        places = zip(self.spans[::2], self.spans[1::2], strict=True)
        # An empty span at the end, so that the broken lines behind the last one are seen too.
        for begin, end in itertools.chain(places, [(len(self.data), len(self.data))]):
            while position < begin:
                newline = self.data.find(b"\n", position) + 1 or len(self.data)
                yield line, position, newline, True
                line, position = line + 1, newline
            for match in self.grammar.record.finditer(self.data, begin, end):
                text_end = match.start(1)
                if text_end > match.start():
                    yield line, match.start(), text_end, False
                line += self.data.count(b"\n", match.start(), match.end())
            position = end


def parse(data: bytes, part: Range, dialect: Dialect) -> Parsed:
    """Parses whole records into columns of text; null where the field is empty (and unquoted) or another
    null text.
    """
    grammar = Grammar(dialect.delimiter)
    spans, broken = _spans(grammar, data)
    miscounted, counts = array("q"), array("q")

    def on_invalid(row: pyarrow.csv.InvalidRow) -> str:
        miscounted.append(row.number)
        counts.append(row.actual_columns)
        return "skip"

    whole = len(spans) == 2 and spans[1] - spans[0] == len(data)
    good = data if whole else b"".join(data[a:b] for a, b in zip(spans[::2], spans[1::2], strict=True))
    if not good.strip(b"\r\n"):
        return Parsed(_no_rows(part.columns), data, part.line, grammar, spans, broken, miscounted, counts)
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
    return Parsed(table, data, part.line, grammar, spans, broken, miscounted, counts)


def _spans(grammar: Grammar, data: bytes) -> tuple[array[int], int]:
    """Begin and end of each run of well-formed records, and the number of broken lines between."""
    spans, broken, position, plain = array("q"), 0, 0, grammar.plain(data)
    while position < len(data):
        end = grammar.good_until(data, position, plain)
        if end < len(data):
            whole = grammar.record.match(data, end)
            # The last record of a file may lack its newline.
            if whole and whole.end() == len(data):
                end = len(data)
        if end > position:
            spans.extend((position, end))
            position = end
            continue
        broken += 1
        position = data.find(b"\n", position) + 1 or len(data)
    return spans, broken


def _no_rows(columns: tuple[str, ...]) -> pyarrow.Table:
    return pyarrow.table({name: pyarrow.array([], pyarrow.string()) for name in columns})


def _text(data: bytes) -> str:
    return data[:MAX_REJECT_TEXT].decode("utf-8", "replace").rstrip("\r\n")
