"""A sample of the rows of CSV files: some ranges, evenly spread, and several places inside each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from csv_grammar import Dialect, Grammar
from csv_source import Range, read_range, whole_records

RANGES = 16
PLACES = 4
BEGINNING_BYTES = 128 * 1024
PLACE_BYTES = 32 * 1024


def spread(ranges: list[Range], dialect: Dialect) -> list[Range]:
    """Small ranges of whole records that are quick to read; the first one begins where the first range
    does.
    """
    step = max(1, len(ranges) / RANGES)
    chosen = [ranges[int(i * step)] for i in range(min(RANGES, len(ranges)))]
    return [place for part in chosen for place in _places(part, dialect)]


def _places(part: Range, dialect: Dialect) -> Iterator[Range]:
    if part.end - part.start <= BEGINNING_BYTES + (PLACES - 1) * PLACE_BYTES:
        yield part
        return
    data, grammar = read_range(part), Grammar(dialect.delimiter)
    plain = grammar.plain(data)
    position = last = 0
    for place in range(PLACES):
        aim = len(data) * place // PLACES
        if plain:
            position = data.find(b"\n", aim - 1) + 1 if aim else 0
        elif match := grammar.records.match(data, position, aim):
            # Whether a newline ends a record depends on the quotes before it. A broken line ends the walk.
            position = match.end()
        size = PLACE_BYTES if place else BEGINNING_BYTES
        if position < last or position + size > len(data):
            return
        done, _ = whole_records(grammar, data[position : position + size], False, part.path, part.line)
        if done:
            last = position + done
            line = part.line + data.count(b"\n", 0, position)
            begin = part.start + position
            yield dataclasses.replace(part, start=begin, end=begin + done, line=line, sealed=False)
        elif place == 0:
            # One record is longer than a sample: it is as good as any.
            yield part
            return
