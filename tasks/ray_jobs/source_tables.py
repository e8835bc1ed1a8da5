"""Unlike sources, CSV and Parquet: their columns, put together by name, and the one type of each. As in SQL,
case does not tell names apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import csv_survey
import pyarrow
import pyarrow.parquet
from column_types import SQL_TYPES
from csv_grammar import Dialect
from csv_source import Header, Range, open_bytes, read_header
from guessed_types import Mapper, by_all, by_sample
from lovage_job import BadInput, Job
from lovage_paths import DataFile, input_files
from row_plan import missing_column
from shares import Share


@dataclass(frozen=True)
class Source:
    """One of the given sources: its files, and for each the types of its columns (None: no value was
    seen).
    """

    text: str
    files: list[DataFile]
    headers: list[Header | None]
    types: list[dict[str, str | None]]
    # Of each file, the columns whose type is no more than a guess from a sample.
    guessed: list[frozenset[str]]
    # The pieces of the files: ranges of a CSV, or row groups of a Parquet file.
    ranges: list[list[Range]]
    groups: list[list[tuple[int, int]]]


def opened(
    job: Job, texts: list[str], dialect: Dialect, given: Mapping[str, str], *, field: str
) -> list[Source]:
    """Looks into all sources: files, columns, types by sample.

    Raises BadInput for whatever is missing, broken or of an unknown kind, naming the file.
    """
    sources = []
    for number, text in enumerate(texts):
        files = input_files(job, text, field=field)
        source = Source(text, files, [], [], [], [], [])
        for place, file in enumerate(files):
            share = Share(job, 0, 0.1).part(number / len(texts), (number + 1) / len(texts))
            share = share.part(place / len(files), (place + 1) / len(files))
            _look(source, file, dialect, given, share)
        sources.append(source)
    return sources


def _look(source: Source, file: DataFile, dialect: Dialect, given: Mapping[str, str], share: Share) -> None:
    if file.format == "parquet":
        try:
            with open_bytes(file.path) as handle:
                parquet = pyarrow.parquet.ParquetFile(handle)
                schema, footer = parquet.schema_arrow, parquet.metadata
                groups = [(n, footer.row_group(n).total_byte_size) for n in range(footer.num_row_groups)]
        except pyarrow.ArrowException as error:
            raise parquet_broken(file.path, error) from None
        _refuse_twins(file.path, schema.names)
        source.headers.append(None)
        source.types.append({each.name: _kind(each.type) for each in schema})
        source.guessed.append(frozenset())
        source.ranges.append([])
        source.groups.append(groups)
        return
    header = read_header(file.path, dialect)
    try:
        ranges = csv_survey.scanned([file], [header], dialect, share)
    except BadInput as error:
        if error.code != "INPUT_DATASET_EMPTY":
            raise
        # A file of a header alone has columns and no rows; the others may have some.
        ranges = []
    sampled = by_sample(ranges, dialect).all if ranges else {}
    source.headers.append(header)
    source.types.append({name: given_type(given, name) or sampled.get(name) for name in header.columns})
    source.guessed.append(
        frozenset(name for name, kind in sampled.items() if kind != "text" and not given_type(given, name))
    )
    source.ranges.append(ranges)
    source.groups.append([])


def surveyed(
    sources: list[Source],
    wanted: Iterable[str],
    dialect: Dialect,
    *,
    mapper: Mapper,
    size: int,
    share: Share,
) -> list[Source]:
    """The sources with the types that all values of the ``wanted`` columns have, where they were guessed."""
    names = {name.lower() for name in wanted}
    found, files, done = [], sum(len(source.files) for source in sources), 0
    for source in sources:
        types = []
        for ranges, known, guessed in zip(source.ranges, source.types, source.guessed, strict=True):
            part, done = share.part(done / files, (done + 1) / files), done + 1
            asked = [name for name in guessed if name.lower() in names]
            more = by_all(ranges, dialect, asked, mapper=mapper, size=size, share=part).all if asked else {}
            types.append({**known, **more})
        found.append(replace(source, types=types, guessed=[frozenset()] * len(types)))
    return found


def _refuse_twins(path: str, names: list[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        if name.lower() in seen:
            raise BadInput(
                "INPUT_COLUMN_TWICE",
                f"{path} has the columns {seen[name.lower()]!r} and {name!r}: case does not tell them apart",
                value=path,
                hint="give one of them another name",
            )
        seen[name.lower()] = name


def given_type(types: Mapping[str, str | None], name: str) -> str | None:
    """The type of a column, however its name is spelled."""
    return next((kind for each, kind in types.items() if each.lower() == name.lower()), None)


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
    """The one type of each wanted column over all sources; ``wanted`` says which field asks for it, and has
    no name twice.

    A column in which no value was seen is a number if it is one of ``numeric``, text otherwise.

    Whole numbers and numbers become numbers, dates and times become times; nothing else is mixed without
    ``given``. Raises BadInput INPUT_COLUMN_MISSING (in no source) and INPUT_TYPES_CONFLICT.
    """
    everything: dict[str, str] = {}
    for name in (name for source in sources for types in source.types for name in types):
        everything.setdefault(name.lower(), name)
    for name in given:
        if name.lower() not in everything:
            raise missing_column("types", name, list(everything.values()))
    result = {}
    for name, field in wanted.items():
        if name.lower() not in everything:
            raise missing_column(field, name, list(everything.values()))
        chosen = given_type(given, name)
        seen: dict[str, str] = {}
        for source in sources:
            for file, types in zip(source.files, source.types, strict=True):
                kind = given_type(types, name)
                if kind:
                    seen.setdefault(kind, file.path)
        result[name] = chosen or _one(name, field, seen) or ("number" if name in numeric else "text")
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


def parquet_broken(path: str, error: Exception) -> BadInput:
    """The error of a Parquet file that cannot be read as such."""
    return BadInput("INPUT_PARQUET_BROKEN", f"{path}: {error}"[:1000], value=path)
