"""Unlike sources as like tables: CSV and Parquet files read piece by piece, their columns put together by
name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import csv_survey
import duckdb
import pyarrow
import pyarrow.parquet
from column_types import SQL_TYPES
from csv_grammar import Dialect
from csv_rows import Reject
from csv_source import Header, Range, joined, open_bytes, read_header
from lovage_job import BadInput, Job
from lovage_paths import DataFile, input_files
from row_plan import RowPlan, missing_column, work
from sandboxed_sql import first_line, quoted


@dataclass(frozen=True)
class Source:
    """One of the given sources: its files, and for each the types of its columns (None: no value was
    seen).
    """

    text: str
    files: list[DataFile]
    headers: list[Header | None]
    types: list[dict[str, str | None]]
    # The pieces of the files: ranges of a CSV, or row groups of a Parquet file.
    ranges: list[list[Range]]
    groups: list[list[tuple[int, int]]]


@dataclass(frozen=True)
class Piece:
    """So much of one file as a process reads at once."""

    source: int
    path: str
    bytes: int
    range: Range | None
    row_groups: tuple[int, ...]
    present: tuple[str, ...]


def opened(
    job: Job, texts: list[str], dialect: Dialect, given: Mapping[str, str], *, field: str
) -> list[Source]:
    """Looks into all sources: files, columns, types by sample.

    Raises BadInput for whatever is missing, broken or of an unknown kind, naming the file.
    """
    sources = []
    for number, text in enumerate(texts):
        files = input_files(job, text, field=field)
        source = Source(text, files, [], [], [], [])
        for place, file in enumerate(files):
            share = 0.1 * (number + place / len(files)) / len(texts)
            _look(job, source, file, dialect, given, share)
        sources.append(source)
    return sources


def _look(
    job: Job, source: Source, file: DataFile, dialect: Dialect, given: Mapping[str, str], share: float
) -> None:
    if file.format == "parquet":
        try:
            with open_bytes(file.path) as handle:
                parquet = pyarrow.parquet.ParquetFile(handle)
                schema, footer = parquet.schema_arrow, parquet.metadata
                groups = [(n, footer.row_group(n).total_byte_size) for n in range(footer.num_row_groups)]
        except pyarrow.ArrowException as error:
            raise BadInput("INPUT_PARQUET_BROKEN", f"{file.path}: {error}", value=file.path) from None
        source.headers.append(None)
        source.types.append({each.name: _kind(each.type) for each in schema})
        source.ranges.append([])
        source.groups.append(groups)
        return
    header = read_header(file.path, dialect)
    ranges: list[Range] = []
    # A file of a header alone has columns and no rows; the others may have some.
    with contextlib.suppress(_Empty):
        ranges = _scanned(job, file, header, dialect, share)
    sampled = csv_survey.sampled_types(ranges, dialect) if ranges else {}
    source.headers.append(header)
    source.types.append({name: _given(given, name) or sampled.get(name) for name in header.columns})
    source.ranges.append(ranges)
    source.groups.append([])


class _Empty(Exception):
    pass


def _scanned(job: Job, file: DataFile, header: Header, dialect: Dialect, share: float) -> list[Range]:
    job.progress(share, "scanning")
    try:
        return csv_survey.scanned(job, [file], [header], dialect, share=None)
    except BadInput as error:
        if error.code == "INPUT_DATASET_EMPTY":
            raise _Empty from None
        raise


def _given(given: Mapping[str, str], name: str) -> str | None:
    return next((kind for each, kind in given.items() if each.lower() == name.lower()), None)


def _kind(kind: pyarrow.DataType) -> str | None:
    types = pyarrow.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    for test, name in (
        (types.is_null, None),
        (types.is_uint64, "number"),
        (types.is_integer, "integer"),
        (types.is_floating, "number"),
        (types.is_decimal, "number"),
        (types.is_boolean, "boolean"),
        (types.is_date, "date"),
        (types.is_timestamp, "timestamp"),
        (types.is_string, "text"),
        (types.is_large_string, "text"),
        (types.is_string_view, "text"),
    ):
        if test(kind):
            return name
    return f"other ({kind})"


def united(
    sources: list[Source], wanted: Mapping[str, str], given: Mapping[str, str], *, numeric: set[str]
) -> dict[str, str]:
    """The one type of each wanted column over all sources; ``wanted`` says which field asks for it.

    A column in which no value was seen is a number if it is one of ``numeric``, text otherwise.

    Whole numbers and numbers become numbers, dates and times become times; nothing else is mixed without
    ``given``. Raises BadInput INPUT_COLUMN_MISSING (in no source) and INPUT_TYPES_CONFLICT.
    """
    everything = list(dict.fromkeys(name for source in sources for types in source.types for name in types))
    result = {}
    for name, field in wanted.items():
        if name not in everything:
            raise missing_column(field, name, everything)
        chosen = _given(given, name)
        seen: dict[str, str] = {}
        for source in sources:
            for file, types in zip(source.files, source.types, strict=True):
                kind = types.get(name)
                if kind:
                    seen.setdefault(kind, file.path)
        result[name] = chosen or _one(name, field, seen) or ("number" if name in numeric else "text")
    for name in given:
        if name.lower() not in {each.lower() for each in everything}:
            raise missing_column("types", name, everything)
    return result


def _one(name: str, field: str, seen: dict[str, str]) -> str | None:
    kinds = set(seen)
    if not kinds:
        return None
    if len(kinds) == 1 and kinds <= SQL_TYPES.keys():
        return next(iter(kinds))
    if kinds == {"integer", "number"}:
        return "number"
    if kinds == {"date", "timestamp"}:
        return "timestamp"
    where = "; ".join(f"{kind} in {path}" for kind, path in seen.items())
    raise BadInput(
        "INPUT_TYPES_CONFLICT",
        f"{field}: the column {name!r} cannot be put together: {where}",
        field=field,
        value=name,
        hint=f'say which type it shall have, such as "types": {{"{name}": "text"}}',
    )


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
    present = [name for name in types if name in piece.present]
    rejects: list[Reject] = []
    if piece.range:
        kinds = {name: types.get(name, "text") for name in piece.range.columns}
        done = work(
            con, piece.range, dialect, RowPlan(piece.range.columns, kinds, select=piece.range.columns)
        )
        table, rejects = done.table.select(present), done.rejects
    else:
        with open_bytes(piece.path) as handle:
            table = pyarrow.parquet.ParquetFile(handle).read_row_groups(
                list(piece.row_groups), columns=present
            )
    rows = table.num_rows
    # A table without columns would have no rows for the engine.
    con.register("found", table.append_column(_free(types), pyarrow.nulls(rows, pyarrow.bool_())))
    try:
        values = ", ".join(
            f"{_value(name, kind, name in present)} AS {quoted(name)}" for name, kind in types.items()
        )
        return con.sql(
            f"SELECT {values or 'true AS ' + quoted(_free(types))} FROM found"
        ).to_arrow_table(), rejects
    except duckdb.Error as error:
        raise BadInput(
            "INPUT_TYPES_CONFLICT",
            f"{piece.path}: a value does not fit its column's type: {first_line(error)}",
        ) from None
    finally:
        con.unregister("found")


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
