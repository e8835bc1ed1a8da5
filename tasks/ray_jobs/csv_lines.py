"""Rows as lines of CSV, many at once: quoted only where a reader needs it, missing values as nothing."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def lines_of(table: pa.Table) -> pa.ChunkedArray:
    """One line (without its end) for each row. Raises pyarrow.ArrowException for lists and structures."""
    fields = [_fields(column) for column in table.columns]
    if len(fields) == 1:
        # An empty line would be no row at all.
        return pc.if_else(pc.equal(fields[0], ""), '""', fields[0])
    return pc.binary_join_element_wise(*fields, pa.scalar(",", pa.large_string()))


def header_of(names: list[str]) -> str:
    """The first line."""
    return lines_of(pa.table([pa.array([n], pa.string()) for n in names], names=names))[0].as_py()


def _fields(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    texts = pc.fill_null(column.cast(pa.large_string()), "")
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return texts
    mark, nothing = pa.scalar('"', pa.large_string()), pa.scalar("", pa.large_string())
    quoted = pc.binary_join_element_wise(mark, pc.replace_substring(texts, '"', '""'), mark, nothing)
    # Blanks at the ends are quoted too: readers that trim would lose them.
    return pc.if_else(pc.match_substring_regex(texts, r'[",\r\n]|^\s|\s$'), quoted, texts)
