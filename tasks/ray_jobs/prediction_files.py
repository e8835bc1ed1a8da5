"""Where predictions are written to, block after block."""

from __future__ import annotations

import os

import pyarrow as pa
import pyarrow.parquet as pq

from csv_lines import header_of
from row_predictions import LINE


class CsvFile:
    """One file of lines."""

    files = 1

    def __init__(self, path: str, names: list[str]) -> None:
        self._handle = open(path, "w", encoding="utf-8", newline="")
        self._handle.write(header_of(names) + "\n")

    def write(self, table: pa.Table) -> None:
        """Appends rows."""
        for chunk in table.column(LINE).chunks:
            self._handle.write("\n".join(chunk.to_pylist()) + "\n")

    def close(self) -> None:
        """Finishes what was written; may be called again."""
        self._handle.close()


class ParquetFiles:
    """One file, or a folder of files with so many rows each."""

    def __init__(self, path: str, rows_per_part: int | None) -> None:
        self.files = 0
        self._path, self._most = path, rows_per_part
        self._writer: pq.ParquetWriter | None = None
        self._rows = 0
        if rows_per_part:
            os.mkdir(path)

    def write(self, table: pa.Table) -> None:
        """Appends rows."""
        if self._writer is None or (self._most and self._rows >= self._most):
            self.close()
            name = os.path.join(self._path, f"part-{self.files:05d}.parquet") if self._most else self._path
            self._writer, self._rows = pq.ParquetWriter(name, table.schema), 0
            self.files += 1
        self._writer.write_table(table.cast(self._writer.schema))
        self._rows += table.num_rows

    def close(self) -> None:
        """Finishes what was written; may be called again."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
