"""Sources read piece by piece, each piece as a table of the wanted columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import pyarrow
import pyarrow.parquet
from column_types import SQL_TYPES
from csv_grammar import Dialect
from csv_rows import Reject
from csv_source import Range, joined, open_bytes
from lovage_job import BadInput
from row_plan import RowPlan, work
from sandboxed_sql import first_line, quoted
from source_tables import Source, given_type, parquet_broken


@dataclass(frozen=True)
class Piece:
    """So much of one file as a process reads at once."""

    source: int
    path: str
    bytes: int
    range: Range | None
    row_groups: tuple[int, ...]
    present: tuple[str, ...]


def pieces_of(sources: list[Source], size: int) -> list[Piece]:
    """What there is to read, in pieces of about ``size`` bytes."""
    pieces = []
    for number, source in enumerate(sources):
        for place, file in enumerate(source.files):
            present = tuple(source.types[place])
            for part in joined(source.ranges[place], size):
                pieces.append(Piece(number, file.path, part.end - part.start, part, (), present))
            group: list[int] = []
            filled = 0
            for index, bytes_ in source.groups[place]:
                if group and filled + bytes_ > size:
                    pieces.append(Piece(number, file.path, filled, None, tuple(group), present))
                    group, filled = [], 0
                group.append(index)
                filled += bytes_
            if group:
                pieces.append(Piece(number, file.path, filled, None, tuple(group), present))
    return pieces


def table_of(
    con: duckdb.DuckDBPyConnection, piece: Piece, types: Mapping[str, str], dialect: Dialect
) -> tuple[pyarrow.Table, list[Reject]]:
    """The wanted columns of a piece, each of its one type; nulls where the file has no such column, and for
    NaN.
    """
    spelled = {name.lower(): name for name in piece.present}
    present = [spelled[name.lower()] for name in types if name.lower() in spelled]
    rejects: list[Reject] = []
    if piece.range:
        kinds = {name: given_type(types, name) or "text" for name in piece.range.columns}
        done = work(
            con, piece.range, dialect, RowPlan(piece.range.columns, kinds, select=piece.range.columns)
        )
        table, rejects = done.table.select(present), done.rejects
    else:
        table = _row_groups(piece, present)
    rows = table.num_rows
    # A table without columns would have no rows for the engine.
    con.register("found", table.append_column(_free(types), pyarrow.nulls(rows, pyarrow.bool_())))
    try:
        values = ", ".join(
            f"{_value(name, kind, name.lower() in spelled)} AS {quoted(name)}" for name, kind in types.items()
        )
        return con.sql(
            f"SELECT {values or 'true AS ' + quoted(_free(types))} FROM found"
        ).to_arrow_table(), rejects
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise BadInput(
            "INPUT_TYPES_CONFLICT",
            f"{piece.path}: a value does not fit its column's type: {first_line(error)}",
        ) from None
    finally:
        con.unregister("found")


def _row_groups(piece: Piece, columns: list[str]) -> pyarrow.Table:
    with open_bytes(piece.path) as handle:
        try:
            return pyarrow.parquet.ParquetFile(handle).read_row_groups(
                list(piece.row_groups), columns=columns
            )
        except (pyarrow.ArrowException, OSError) as error:
            # Arrow has no other error for data that cannot be unpacked; one of the system has a number.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise parquet_broken(piece.path, error) from None


def _value(name: str, kind: str, present: bool) -> str:
    if not present:
        return f"CAST(NULL AS {SQL_TYPES[kind]})"
    value = f"CAST({quoted(name)} AS {SQL_TYPES[kind]})"
    return f"CASE WHEN isnan({value}) THEN NULL ELSE {value} END" if kind == "number" else value


def _free(types: Mapping[str, str]) -> str:
    name = "row"
    while name in {each.lower() for each in types}:
        name += "_"
    return name
