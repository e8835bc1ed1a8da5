"""Reads CSV and Parquet as batches of rows.

Text of a CSV is trimmed, and the usual words for "no value" (see ``csv_batches.NULLS``) become missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from csv_batches import broken_csv, csv_batches, csv_names, missing_as_null, opened
from lovage_job import BadInput
from lovage_paths import DataFile
from value_kinds import kind_of, united

_ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Scan:
    """What a pass over all files found. ``kinds`` has the columns of all files, in order of appearance."""

    rows: list[int]
    kinds: dict[str, str]
    fingerprint: str
    hashes: list[str]

    @property
    def total(self) -> int:
        """Rows of all files together."""
        return sum(self.rows)


def scan(files: Sequence[DataFile], read: Callable[[float], None] = lambda _: None) -> Scan:
    """Reads every file: counts rows, finds what each column holds, and hashes the bytes.

    ``read`` is told again and again which share of all bytes has been read. Raises BadInput:
    INPUT_CSV_BROKEN, INPUT_PARQUET_BROKEN, INPUT_NOT_UTF8, INPUT_COLUMN_DUPLICATE, INPUT_DATASET_EMPTY.
    """
    kinds: dict[str, str] = {}
    rows: list[int] = []
    hashes: list[str] = []
    # Stores that do not tell a size: such files count alike.
    weights = [max(1, file.size) for file in files]
    for number, file in enumerate(files):

        def told(share: float, number: int = number) -> None:
            read((sum(weights[:number]) + weights[number] * min(1.0, share)) / sum(weights))

        told(0.0)
        # Hashing is far quicker than looking into the values.
        digest, tail = _digest(file, lambda share: told(0.2 * share))
        hashes.append(digest)
        count, last, seen, rows_there = 0, None, 0, _rows_of(file)
        for name in column_names(file):
            kinds.setdefault(name, "empty")
        for batch in read_batches(file, raw=True):
            count += batch.num_rows
            seen += batch.nbytes
            last = batch if batch.num_rows else last
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                values = missing_as_null(column) if file.format == "csv" else column
                kinds[name] = united(kinds[name], kind_of(values, file.format == "csv"))
            # Text takes about as much room here as in the file.
            told(0.2 + 0.8 * min(1.0, count / rows_there if rows_there else seen / weights[number]))
        if file.format == "csv" and last is not None and _ends_within_quotes(file, last, tail):
            raise broken_csv(file, "a quotation mark is opened near the end and never closed")
        rows.append(count)
    if not sum(rows):
        raise BadInput("INPUT_DATASET_EMPTY", f"the dataset has no row ({files[0].path})", field="dataset")
    # Of the contents alone: a renamed or moved file is the same data.
    fingerprint = "sha256:" + hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    return Scan(rows, kinds, fingerprint, hashes)


def _rows_of(file: DataFile) -> int | None:
    """What a Parquet file says of its rows."""
    if file.format != "parquet":
        return None
    with opened(file) as handle:
        return _parquet(handle, file).metadata.num_rows


def column_names(file: DataFile) -> list[str]:
    """The names of a file's columns. Raises BadInput: INPUT_COLUMN_DUPLICATE and as :func:`read_batches`."""
    with opened(file) as handle:
        if file.format == "parquet":
            names = _parquet(handle, file).schema_arrow.names
        else:
            names = csv_names(handle, file)
    double = next((n for n in names if names.count(n) > 1), None)
    if double is not None:
        raise BadInput(
            "INPUT_COLUMN_DUPLICATE", f"{file.path}: two columns are named {double!r}", value=double
        )
    return list(names)


def read_batches(
    file: DataFile, columns: Sequence[str] | None = None, skip: int = 0, *, raw: bool = False
) -> Iterator[pa.RecordBatch]:
    """The rows of one file from row ``skip`` on; columns that the file does not have are missing throughout.

    Columns of a CSV come as text (missing values as nulls, or with ``raw`` as it is written), those of
    Parquet in their own types.
    """
    names = column_names(file) if file.format == "csv" else []
    with opened(file) as handle:
        batches = (
            _parquet_batches(handle, file, columns, skip)
            if file.format == "parquet"
            else csv_batches(handle, file, names, columns, skip, raw=raw)
        )
        for batch in batches:
            yield batch if columns is None else _with_columns(batch, columns)


def read_rows(
    files: Sequence[DataFile],
    counts: Sequence[int],
    columns: Sequence[str],
    start: int = 0,
    stop: int | None = None,
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Rows ``start`` to ``stop`` of all files as one table: pairs of the first row's number and a batch."""
    end = sum(counts) if stop is None else stop
    first = 0
    for file, count in zip(files, counts, strict=True):
        if first + count > start and first < end:
            at = max(start, first)
            for batch in read_batches(file, columns, at - first):
                if at >= end:
                    break
                batch = batch.slice(0, end - at)
                yield at, batch
                at += batch.num_rows
        first += count


def _digest(file: DataFile, read: Callable[[float], None]) -> tuple[str, bytes]:
    """The hash of a file's bytes, and the last of them."""
    digest, done, before, tail = hashlib.sha256(), 0, b"", b""
    with opened(file) as handle:
        while chunk := handle.read(1 << 20):
            digest.update(chunk)
            before, tail = tail, chunk
            done += len(chunk)
            read(done / max(1, file.size))
    return digest.hexdigest(), before + tail


def _ends_within_quotes(file: DataFile, last: pa.RecordBatch, tail: bytes) -> bool:
    """Whether a CSV, whose ``last`` rows are as it is written, ends in a field that is opened and not closed:
    Arrow takes the end of the file for that of the field.
    """
    text = last.column(last.num_columns - 1)[last.num_rows - 1].as_py().replace('"', '""').encode()
    if len(text) + 2 > len(tail):
        tail = _tail(file, len(text) + 2)
    # A quote that opens a field follows a comma or a line break; any other one closes it, or is a part of it.
    return any(tail.endswith(opening + text) for opening in (b',"', b'\n"', b'\r"'))


def _tail(file: DataFile, size: int) -> bytes:
    tail = b""
    with opened(file) as handle:
        # Not every store can begin in the middle.
        while chunk := handle.read(max(size, 1 << 20)):
            tail = (tail + chunk)[-size:]
    return tail


def _parquet(handle: IO[bytes], file: DataFile) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(handle)
    except (pa.ArrowException, OSError) as error:
        raise _fault(file, error) from None


def _parquet_batches(
    handle: IO[bytes], file: DataFile, columns: Sequence[str] | None, skip: int
) -> Iterator[pa.RecordBatch]:
    reader = _parquet(handle, file)
    groups = list(range(reader.num_row_groups))
    while groups and skip >= (size := reader.metadata.row_group(groups[0]).num_rows):
        skip -= size
        groups.pop(0)
    there = None if columns is None else [c for c in columns if c in reader.schema_arrow.names]
    try:
        for batch in reader.iter_batches(_ROWS_AT_ONCE, row_groups=groups, columns=there):
            if skip < batch.num_rows:
                yield batch.slice(skip)
            skip = max(0, skip - batch.num_rows)
    except (pa.ArrowException, OSError) as error:
        raise _fault(file, error) from None


def _fault(file: DataFile, error: Exception) -> Exception:
    # Arrow has no other error for data that cannot be unpacked; one of the system has a number.
    if isinstance(error, OSError) and error.errno is not None:
        return error
    return BadInput("INPUT_PARQUET_BROKEN", f"{file.path}: {error}"[:1000], value=file.path)


def _with_columns(batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
    there = set(batch.schema.names)
    arrays = [batch.column(c) if c in there else pa.nulls(batch.num_rows) for c in columns]
    return pa.RecordBatch.from_arrays(arrays, list(columns))


