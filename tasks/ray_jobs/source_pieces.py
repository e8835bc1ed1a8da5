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
from row_plan import RowPlan
from row_work import work
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
    guessed: frozenset[str]


@dataclass(frozen=True)
class Rejected:
    """How many rows of a piece cannot be used, and the first of them."""

    count: int = 0
    first: Reject | None = None


def pieces_of(sources: list[Source], size: int) -> list[Piece]:
    """What there is to read, in pieces of about ``size`` bytes."""
    pieces = []
    kinds = [(name, kind) for source in sources for types in source.types for name, kind in types.items()]
    # What is text in another file is text in all: there is nothing to be found out.
    texts = {name.lower() for name, kind in kinds if kind == "text"}
    for number, source in enumerate(sources):
        for place, file in enumerate(source.files):
            present = tuple(source.types[place])
            guessed = frozenset(name for name in source.guessed[place] if name.lower() not in texts)
            for part in joined(source.ranges[place], size):
                pieces.append(Piece(number, file.path, part.end - part.start, part, (), present, guessed))
            group: list[int] = []
            filled = 0
            for index, bytes_ in source.groups[place]:
                if group and filled + bytes_ > size:
                    pieces.append(Piece(number, file.path, filled, None, tuple(group), present, frozenset()))
                    group, filled = [], 0
                group.append(index)
                filled += bytes_
            if group:
                pieces.append(Piece(number, file.path, filled, None, tuple(group), present, frozenset()))
    return pieces


def table_of(
    con: duckdb.DuckDBPyConnection, piece: Piece, types: Mapping[str, str], dialect: Dialect
) -> tuple[pyarrow.Table, Rejected]:
    """The wanted columns of a piece, each of its one type; nulls where the file has no such column, and for
    NaN. Raises UnfitError when a value contradicts a guessed type.
    """
    spelled = {name.lower(): name for name in piece.present}
    present = [spelled[name.lower()] for name in types if name.lower() in spelled]
    rejected = Rejected()
    if piece.range:
        columns = piece.range.columns
        kinds = {name: given_type(types, name) or "text" for name in columns}
        guessed = piece.guessed.intersection(present)
        done = work(con, piece.range, dialect, RowPlan(columns, kinds, select=columns, guessed=guessed))
        table, rejected = done.table.select(present), Rejected(done.rejected, next(done.rejects(), None))
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
        ).to_arrow_table(), rejected
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
