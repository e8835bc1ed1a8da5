"""The rows of a dataset as a stream of Ray Data, in their order.

Read by tabular.py, as they were scanned: Ray's own readers do not promise the order of a large Parquet file,
choose files by their suffix, and know no header without names.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from csv_batches import opened
from lovage_job import BadInput
from lovage_paths import DataFile
from nodes_used import note_node
from ray_cluster import connect, cpus_per_worker
from tabular import Scan, read_batches

PIECE_BYTES = 16 << 20
"""A large Parquet file is read in pieces of so much, many at once. A CSV is one piece: where its rows begin
shows only when it is read."""

_BLOCK_BYTES = 32 << 20


def schema_of(files: list[DataFile], found: Scan) -> pa.Schema:
    """The columns of all files and their types: text for CSV, those of the files for Parquet.

    Raises BadInput INPUT_SCHEMA_MISMATCH when a column is of types that do not go together.
    """
    if files[0].format == "csv":
        return pa.schema([(name, pa.string()) for name in found.kinds])
    types: dict[str, list[pa.DataType]] = {name: [] for name in found.kinds}
    for file in files:
        with opened(file) as handle:
            for field in pq.read_schema(handle):
                types[field.name].append(field.type)
    return pa.schema([(name, _united(name, of, files)) for name, of in types.items()])


def stream(files: list[DataFile], found: Scan, schema: pa.Schema) -> Any:
    """A dataset of Ray Data with all rows. Joins the cluster."""
    connect()
    import ray.data

    # What fails is raised here too, and told once.
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.target_max_block_size = _BLOCK_BYTES
    pieces = pieces_of(files, found.rows)
    return ray.data.from_items(pieces, override_num_blocks=len(pieces)).map_batches(
        _read,
        batch_size=1,
        batch_format="pyarrow",
        fn_kwargs={"schema": schema},
        num_cpus=cpus_per_worker(),
    )


def pieces_of(files: list[DataFile], counts: list[int]) -> list[dict[str, Any]]:
    """What to read at once: so many rows of a file, from one on."""
    pieces = []
    for file, count in zip(files, counts, strict=True):
        start = 0
        for rows in _groups(file) if file.format == "parquet" else [count]:
            if rows:
                pieces.append({**dataclasses.asdict(file), "start": start, "rows": rows})
            start += rows
    return pieces


def _groups(file: DataFile) -> list[int]:
    """Rows of neighbouring row groups that make a piece together."""
    with opened(file) as handle:
        footer = pq.ParquetFile(handle).metadata
        groups = [footer.row_group(n) for n in range(footer.num_row_groups)]
    rows: list[int] = []
    filled = PIECE_BYTES
    for group in groups:
        if filled + group.total_byte_size > PIECE_BYTES:
            rows.append(0)
            filled = 0
        rows[-1] += group.num_rows
        filled += group.total_byte_size
    return rows


def _read(piece: pa.Table, schema: pa.Schema) -> Iterator[pa.Table]:
    note_node()
    (row,) = piece.to_pylist()
    left = row["rows"]
    file = DataFile(row["path"], row["size"], row["format"])
    for batch in read_batches(file, schema.names, row["start"], raw=True):
        batch = batch.slice(0, left)
        left -= batch.num_rows
        yield pa.table([_cast(c, f.type) for c, f in zip(batch.columns, schema, strict=True)], schema=schema)
        if not left:
            return


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), kind)
    return column if column.type == kind else column.cast(kind)


def _united(name: str, types: list[pa.DataType], files: list[DataFile]) -> pa.DataType:
    if all(_is_text(t) for t in types) and len(set(types)) > 1:
        return pa.string()
    try:
        return pa.unify_schemas([pa.schema([(name, t)]) for t in types], promote_options="permissive")[0].type
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        told = ", ".join(dict.fromkeys(map(str, types)))
        raise BadInput(
            "INPUT_SCHEMA_MISMATCH",
            f"dataset: column {name} is of types that do not go together in {len(files)} files: {told}",
            field="dataset",
            value=name,
            hint="write it as one type in all files",
        ) from error


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)
