"""One file that grows by parts: CSV or Parquet, by the suffix of its name."""

from __future__ import annotations

import contextlib
import os

import pyarrow
import pyarrow.csv
import pyarrow.parquet
from lovage_job import BadInput
from lovage_paths import REJECTS_SUFFIX


def format_of(output: str, *, field: str = "output") -> str:
    """``csv`` or ``parquet``, by the suffix. Raises BadInput INPUT_FORMAT_UNKNOWN."""
    suffix = os.path.splitext(output)[1].lower()
    if suffix in (".parquet", ".pq", ".csv") and not output.endswith(REJECTS_SUFFIX):
        return "csv" if suffix == ".csv" else "parquet"
    raise BadInput(
        "INPUT_FORMAT_UNKNOWN",
        f"{field}: the format of {output} cannot be told by its name",
        field=field,
        value=output,
        hint="let it end in .parquet or .csv",
    )


def write_csv_rows(table: pyarrow.Table, path: str) -> None:
    """Writes rows without a header. Texts are quoted, missing values are nothing; but a missing value that
    is alone in its row is ``""``, since an empty line is no row.
    """
    if table.num_columns == 1 and table.column(0).null_count:
        with open(path, "w", encoding="utf-8", newline="") as file:
            texts = table.column(0).cast(pyarrow.string())
            if pyarrow.types.is_string(table.schema.types[0]):
                lines = ('"' + (text.as_py() or "").replace('"', '""') + '"' for text in texts)
            else:
                lines = (text.as_py() or '""' for text in texts)
            file.writelines(line + "\n" for line in lines)
        return
    pyarrow.csv.write_csv(table, path, pyarrow.csv.WriteOptions(include_header=False))


class CsvSink:
    def __init__(self, path: str, schema: pyarrow.Schema) -> None:
        self.rows = 0
        self._file = open(path, "wb")  # noqa: SIM115 - closed by the context manager around
        pyarrow.csv.write_csv(schema.empty_table(), self._file)

    def add(self, path: str, rows: int) -> None:
        with open(path, "rb") as part:
            while data := part.read(1024 * 1024):
                self._file.write(data)
        self.rows += rows

    def close(self) -> None:
        self._file.close()


class ParquetSink:
    def __init__(self, path: str, schema: pyarrow.Schema) -> None:
        self.rows = 0
        self._writer = pyarrow.parquet.ParquetWriter(path, schema)

    def add(self, path: str, rows: int) -> None:
        table = pyarrow.parquet.read_table(path, partitioning=None)
        if table.num_rows:
            self._writer.write_table(table.cast(self._writer.schema))
        self.rows += table.num_rows

    def close(self) -> None:
        self._writer.close()


def opened(kind: str, path: str, schema: pyarrow.Schema) -> contextlib.closing[CsvSink | ParquetSink]:
    return contextlib.closing(CsvSink(path, schema) if kind == "csv" else ParquetSink(path, schema))
