"""Reads CSV and Parquet as batches of rows.

Text of a CSV is trimmed, and the usual words for "no value" (see ``NULLS``) become missing.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from lovage_job import BadInput
from lovage_paths import DataFile, is_uri
from value_kinds import kind_of, united

NULLS = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "-nan", "-NaN", "null", "NULL", "<NA>")
"""Words of a CSV that stand for a missing value, after trimming."""


_BLOCK_BYTES = 8 << 20


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


def scan(files: Sequence[DataFile], on_file: Callable[[int, int], None] | None = None) -> Scan:
    """Reads every file once: counts rows, finds what each column holds, and hashes the bytes.

    ``on_file(done, of)`` is called before each file. Raises BadInput: INPUT_CSV_BROKEN, INPUT_PARQUET_BROKEN,
    INPUT_NOT_UTF8, INPUT_COLUMN_DUPLICATE, INPUT_DATASET_EMPTY.
    """
    kinds: dict[str, str] = {}
    rows: list[int] = []
    hashes: list[str] = []
    for number, file in enumerate(files):
        if on_file is not None:
            on_file(number, len(files))
        digest, odd_quotes = _digest(file)
        hashes.append(digest)
        count, last = 0, None
        for name in column_names(file):
            kinds.setdefault(name, "empty")
        for batch in read_batches(file):
            count += batch.num_rows
            last = batch if batch.num_rows else last
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                kinds[name] = united(kinds[name], kind_of(column, file.format == "csv"))
        if odd_quotes and last is not None and _ends_within_quotes(last):
            raise _broken_csv(file, "a quotation mark is opened near the end and never closed")
        rows.append(count)
    if not sum(rows):
        raise BadInput("INPUT_DATASET_EMPTY", f"the dataset has no row ({files[0].path})", field="dataset")
    # Of the contents alone: a renamed or moved file is the same data.
    fingerprint = "sha256:" + hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    return Scan(rows, kinds, fingerprint, hashes)


def column_names(file: DataFile) -> list[str]:
    """The names of a file's columns. Raises BadInput: INPUT_COLUMN_DUPLICATE and as :func:`read_batches`."""
    with _opened(file) as handle:
        if file.format == "parquet":
            names = _parquet(handle, file).schema_arrow.names
        else:
            try:
                names = _csv_reader(handle, file, None).schema.names
            except UnicodeDecodeError as error:
                raise _csv_fault(file, error) from error
    double = next((n for n in names if names.count(n) > 1), None)
    if double is not None:
        raise BadInput(
            "INPUT_COLUMN_DUPLICATE", f"{file.path}: two columns are named {double!r}", value=double
        )
    return list(names)


def read_batches(
    file: DataFile, columns: Sequence[str] | None = None, skip: int = 0
) -> Iterator[pa.RecordBatch]:
    """The rows of one file from row ``skip`` on; columns that the file does not have are missing throughout.

    Columns of a CSV come as text (missing values as nulls), those of Parquet in their own types.
    """
    with _opened(file) as handle:
        batches = (
            _parquet_batches(handle, file, columns, skip)
            if file.format == "parquet"
            else _csv_batches(handle, file, columns, skip)
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


class _opened:
    """A file of this machine or of a store, opened for reading bytes."""

    def __init__(self, file: DataFile) -> None:
        self._file = file

    def __enter__(self) -> IO[bytes]:
        if is_uri(self._file.path):
            import fsspec

            self._handle: Any = fsspec.open(self._file.path, "rb").open()
        else:
            self._handle = open(self._file.path, "rb")
        return self._handle

    def __exit__(self, *_: object) -> None:
        self._handle.close()


def _digest(file: DataFile) -> tuple[str, bool]:
    digest, quotes = hashlib.sha256(), 0
    with _opened(file) as handle:
        while chunk := handle.read(1 << 20):
            digest.update(chunk)
            quotes += chunk.count(b'"')
    return digest.hexdigest(), file.format == "csv" and quotes % 2 == 1


def _ends_within_quotes(batch: pa.RecordBatch) -> bool:
    row = batch.slice(batch.num_rows - 1).to_pylist()[0]
    return any(isinstance(value, str) and "\n" in value for value in row.values())


def _parquet(handle: IO[bytes], file: DataFile) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(handle)
    except (pa.ArrowException, OSError) as error:
        raise BadInput("INPUT_PARQUET_BROKEN", f"{file.path}: {error}", value=file.path) from error


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
        raise BadInput("INPUT_PARQUET_BROKEN", f"{file.path}: {error}", value=file.path) from error


def _csv_reader(
    handle: IO[bytes], file: DataFile, columns: Sequence[str] | None
) -> pyarrow.csv.CSVStreamingReader:
    try:
        return pyarrow.csv.open_csv(
            handle,
            # One thread: only then do faults tell their row.
            pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
            pyarrow.csv.ParseOptions(newlines_in_values=True),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(columns or (), pa.string()),
                include_columns=list(columns or ()),
                strings_can_be_null=False,
                check_utf8=True,
            ),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise _csv_fault(file, error) from error


def _csv_batches(
    handle: IO[bytes], file: DataFile, columns: Sequence[str] | None, skip: int
) -> Iterator[pa.RecordBatch]:
    names = column_names(file)
    there = names if columns is None else [c for c in columns if c in names]
    # Without any column the rows could not be counted.
    reader = _csv_reader(handle, file, there or names[:1])
    try:
        for batch in reader:
            if skip < batch.num_rows:
                yield _nulls(batch.slice(skip))
            skip = max(0, skip - batch.num_rows)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise _csv_fault(file, error) from error


def _nulls(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([missing_as_null(c) for c in batch.columns], batch.schema.names)


def missing_as_null(texts: pa.Array) -> pa.Array:
    """Text of a CSV, trimmed, with the words that stand for a missing value as nulls."""
    trimmed = pc.utf8_trim_whitespace(texts)
    return pc.if_else(
        pc.is_in(trimmed, value_set=pa.array(NULLS, trimmed.type)), pa.scalar(None, trimmed.type), trimmed
    )


def _with_columns(batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
    there = set(batch.schema.names)
    arrays = [batch.column(c) if c in there else pa.nulls(batch.num_rows) for c in columns]
    return pa.RecordBatch.from_arrays(arrays, list(columns))


def _csv_fault(file: DataFile, error: Exception) -> BadInput:
    text = str(error)
    if "Empty CSV" in text:
        return BadInput("INPUT_DATASET_EMPTY", f"{file.path} has no row", field="dataset", value=file.path)
    where = _not_utf8(file)
    if where is not None:
        offset, line = where
        return BadInput(
            "INPUT_NOT_UTF8",
            f"{file.path} is not UTF-8: byte {offset}, in line {line}",
            field="dataset",
            value=file.path,
            hint="convert it, for example: iconv -f WINDOWS-1252 -t UTF-8",
        )
    return _broken_csv(file, text.removeprefix("CSV parse error: "))


def _broken_csv(file: DataFile, reason: str) -> BadInput:
    return BadInput("INPUT_CSV_BROKEN", f"{file.path}: {reason[:300]}", field="dataset", value=file.path)


def _not_utf8(file: DataFile) -> tuple[int, int] | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset, line = 0, 1
    with _opened(file) as handle:
        while True:
            chunk = handle.read(1 << 20)
            pending = decoder.getstate()[0]
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                return offset - len(pending) + error.start, line + (pending + chunk)[: error.start].count(
                    b"\n"
                )
            if not chunk:
                return None
            offset += len(chunk)
            line += chunk.count(b"\n")
