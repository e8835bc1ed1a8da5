"""What there is to know of CSV files before their rows are worked on: columns, ranges, given types."""

from __future__ import annotations

from collections.abc import Iterable

from csv_grammar import Dialect
from csv_source import Header, Range, read_header, scan
from lovage_job import BadInput
from lovage_paths import DataFile
from row_plan import missing_column
from shares import Share


def headers_of(files: list[DataFile], dialect: Dialect, *, field: str) -> list[Header]:
    """The headers, which must all have the same columns (in any order).

    Raises BadInput INPUT_FORMAT_UNKNOWN, INPUT_SCHEMA_MISMATCH, and what read_header raises.
    """
    headers = []
    for file in files:
        if file.format != "csv":
            raise BadInput(
                "INPUT_FORMAT_UNKNOWN", f"{field}: {file.path} is no CSV", field=field, value=file.path
            )
        header = read_header(file.path, dialect)
        if headers and set(header.columns) != set(headers[0].columns):
            differing = sorted(set(header.columns) ^ set(headers[0].columns))
            raise BadInput(
                "INPUT_SCHEMA_MISMATCH",
                f"{field}: {file.path} and {files[0].path} differ in: {', '.join(differing)[:1000]}",
                field=field,
                value=file.path,
                hint="give files of one kind, or put unlike ones together by aggregate_data",
            )
        headers.append(header)
    return headers


def scanned(files: list[DataFile], headers: list[Header], dialect: Dialect, share: Share) -> list[Range]:
    """Scans all files, checking every byte. Raises BadInput INPUT_DATASET_EMPTY when no row is there."""
    total, read = sum(max(file.size, 0) for file in files), 0

    def seen(data: bytes) -> None:
        nonlocal read
        read += len(data)
        share.report(read / total if total else 0, "scanning")

    ranges = [
        part
        for file, header in zip(files, headers, strict=True)
        for part in scan(file, header, dialect, seen=seen)
    ]
    # Ranges of nothing but blank lines have no row, but they are small and rare: the totals tell in the end.
    if not ranges:
        raise no_rows(files)
    return ranges


def no_rows(files: list[DataFile]) -> BadInput:
    path = files[0].path
    return BadInput("INPUT_DATASET_EMPTY", f"{path} has a header and no rows", value=path)


def check_given_types(given: dict[str, str], columns: Iterable[str]) -> dict[str, str]:
    """The given types by the columns' own spelling. Raises BadInput INPUT_COLUMN_MISSING."""
    names = {name.lower(): name for name in columns}
    for name in given:
        if name.lower() not in names:
            raise missing_column("types", name, list(names.values()))
    return {names[name.lower()]: kind for name, kind in given.items()}
