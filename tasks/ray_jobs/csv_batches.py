"""The bytes of a CSV as batches of text."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from lovage_job import BadInput
from lovage_paths import DataFile, is_uri

NULLS = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "-nan", "-NaN", "null", "NULL", "<NA>")
"""Words of a CSV that stand for a missing value, after trimming."""

_BLOCK_BYTES = 8 << 20


class opened:
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


def csv_names(handle: IO[bytes], file: DataFile) -> list[str]:
    """The names in the header; a column without a name is called ``column_<its place>``, as everywhere in
    Lovage."""
    try:
        names = _reader(handle, file, None, []).schema.names
    except UnicodeDecodeError as error:
        raise csv_fault(file, error) from error
    return [name if name.strip() else f"column_{place}" for place, name in enumerate(names, 1)]


def csv_batches(
    handle: IO[bytes],
    file: DataFile,
    names: list[str],
    columns: Sequence[str] | None,
    skip: int,
    *,
    raw: bool,
) -> Iterator[pa.RecordBatch]:
    """Rows from row ``skip`` on, those of ``columns`` that there are; ``raw`` leaves the texts as they are."""
    there = names if columns is None else [c for c in columns if c in names]
    # Without any column the rows could not be counted.
    reader = _reader(handle, file, names, there or names[:1])
    try:
        for batch in reader:
            if skip < batch.num_rows:
                yield batch.slice(skip) if raw else _nulls(batch.slice(skip))
            skip = max(0, skip - batch.num_rows)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise csv_fault(file, error) from error


def broken_csv(file: DataFile, reason: str) -> BadInput:
    """The error of a CSV that cannot be read as such."""
    return BadInput("INPUT_CSV_BROKEN", f"{file.path}: {reason[:300]}", field="dataset", value=file.path)


def missing_as_null(texts: pa.Array) -> pa.Array:
    """Text of a CSV, trimmed, with the words that stand for a missing value as nulls."""
    trimmed = pc.utf8_trim_whitespace(texts)
    return pc.if_else(
        pc.is_in(trimmed, value_set=pa.array(NULLS, trimmed.type)), pa.scalar(None, trimmed.type), trimmed
    )


def _reader(
    handle: IO[bytes], file: DataFile, names: list[str] | None, columns: list[str]
) -> pyarrow.csv.CSVStreamingReader:
    # The header is a row that is passed over when the names are given: its own may be empty, or so twice.
    given = {"column_names": names, "skip_rows_after_names": 1} if names else {}
    try:
        return pyarrow.csv.open_csv(
            handle,
            # One thread: only then do faults tell their row.
            pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False, **given),
            pyarrow.csv.ParseOptions(newlines_in_values=True),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()),
                include_columns=columns,
                strings_can_be_null=False,
                check_utf8=True,
            ),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise csv_fault(file, error) from error


def _nulls(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([missing_as_null(c) for c in batch.columns], batch.schema.names)


def csv_fault(file: DataFile, error: Exception) -> BadInput:
    """What is wrong with a CSV that Arrow cannot read."""
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
    return broken_csv(file, text.removeprefix("CSV parse error: "))


def _not_utf8(file: DataFile) -> tuple[int, int] | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset, line = 0, 1
    with opened(file) as handle:
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
