"""Groups and aggregates over several CSV and Parquet sources with unlike columns; exact, quantiles
included.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import lovage_job
import pydantic
from column_types import TypeName
from csv_grammar import Dialect
from csv_rows import Reject
from csv_source import broken
from lovage_job import Job, JobError
from lovage_paths import atomic_output, output_file, scratch_folder
from pydantic import Field

PREVIEW_ROWS = 20
LOCAL_BYTES = 8 * 1024 * 1024
PARTITION_BYTES = 128 * 1024 * 1024

Quantile = Annotated[float, Field(ge=0, le=1)]


class AggregationRequest(lovage_job.Model):
    """One or, for a list of quantiles, several columns of the result."""

    function: Literal["sum", "mean", "min", "max", "count", "std", "quantile"]
    column: str | None = None
    q: Quantile | Annotated[list[Quantile], Field(min_length=1, max_length=100)] | None = None
    as_: Annotated[str | None, Field(alias="as", min_length=1)] = None

    @pydantic.model_validator(mode="after")
    def _complete(self) -> AggregationRequest:
        if self.column is None and self.function != "count":
            raise ValueError(f"{self.function} needs a column")
        if (self.q is None) == (self.function == "quantile"):
            raise ValueError("q (from 0 to 1) belongs to a quantile, and a quantile needs it")
        return self


class Request(lovage_job.Model):
    """See tasks/data_tasks.ts for what the fields mean."""

    sources: Annotated[list[str], Field(min_length=1, max_length=1000)]
    output: str
    aggregations: Annotated[list[AggregationRequest], Field(min_length=1, max_length=200)]
    group_by: list[str] = []
    types: dict[str, TypeName] = {}
    delimiter: Annotated[str, Field(pattern=r"^[\t -!#-~]$")] = ","
    null_values: list[str] = [""]
    max_rejects: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True)
class _Work:
    number: int
    piece: Any
    aggregation: Any
    dialect: Dialect
    folder: str
    partitions: int


@dataclass(frozen=True)
class _Done:
    number: int
    rows: int
    rejected: int
    first: Reject | None


def main(request: Request, job: Job) -> dict[str, object]:
    # Loaded only now: an input that does not validate is refused without the wait.
    import csv_conversion
    import ray_stream
    import row_sink
    import source_tables
    from aggregation import OF_NUMBERS, Aggregation

    began = time.monotonic()
    kind = row_sink.format_of(request.output)
    output = output_file(job, request.output, field="output")
    dialect = Dialect(request.delimiter, tuple(request.null_values))
    measures = tuple(measure for each in request.aggregations for measure in _measures(each))
    wanted = {name: "groupBy" for name in request.group_by}
    wanted |= {m.column: "aggregations" for m in measures if m.column and m.column not in wanted}
    sources = source_tables.opened(job, request.sources, dialect, request.types, field="sources")
    numeric = {m.column for m in measures if m.column and m.function in OF_NUMBERS}
    types = source_tables.united(sources, wanted, request.types, numeric=numeric)
    aggregation = Aggregation(tuple(request.group_by), types, measures).checked()

    total = sum(piece.bytes for piece in source_tables.pieces_of(sources, 1))
    local = total <= LOCAL_BYTES
    processes = 1 if local else ray_stream.processes()
    pieces = source_tables.pieces_of(sources, csv_conversion.range_size(total, processes))
    partitions = min(32, math.ceil(total / PARTITION_BYTES)) if request.group_by and total else 1
    rows, rejected = [0] * len(sources), [0] * len(sources)
    with scratch_folder(job, output) as folder:
        works = [_Work(n, piece, aggregation, dialect, folder, partitions) for n, piece in enumerate(pieces)]
        results: Iterable[_Done] = (
            map(_piece_states, works) if local else ray_stream.mapped(works, _piece_states)
        )
        done_bytes = 0
        for done in results:
            piece = pieces[done.number]
            rows[piece.source] += done.rows
            rejected[piece.source] += done.rejected
            if done.first and sum(rejected) > request.max_rejects:
                error = broken(piece.path, done.first.line, done.first.reason)
                error.hint = (
                    "mend the file, give the column another type by `types`, or allow some by `maxRejects`"
                )
                raise error
            done_bytes += piece.bytes
            job.progress(0.1 + 0.7 * done_bytes / total, "aggregating", rowsRead=sum(rows) + sum(rejected))
        if sum(rows) == 0:
            raise lovage_job.BadInput("INPUT_DATASET_EMPTY", "the sources have no rows", field="sources")
        merges = [_Work(n, None, aggregation, dialect, folder, partitions) for n in range(partitions)]
        parallel = partitions > 1 and not local
        for done in ray_stream.mapped(merges, _merged) if parallel else map(_merged, merges):
            job.progress(0.8 + 0.15 * (done.number + 1) / partitions, "putting groups together")
        with atomic_output(output) as partial:
            groups, columns, preview = _written(folder, aggregation, partial, kind)
    job.progress(1, "done")
    return {
        "output": output,
        "format": kind,
        "groups": groups,
        "columns": columns,
        "rowsRead": sum(rows) + sum(rejected),
        "rowsRejected": sum(rejected),
        "sources": [
            {"source": s.text, "files": len(s.files), "rowsRead": r + x, "rowsRejected": x}
            for s, r, x in zip(sources, rows, rejected, strict=True)
        ],
        "preview": preview,
        "seconds": round(time.monotonic() - began, 3),
    }


def _measures(each: AggregationRequest) -> Iterator[Any]:
    from aggregation import Measure

    if each.function != "quantile":
        default = f"{each.column}_{each.function}" if each.column else "count"
        yield Measure(each.as_ or default, each.function, each.column)
        return
    quantiles = each.q if isinstance(each.q, list) else [each.q]
    for q in quantiles:
        percent = f"p{float(format(q * 100, '.10g')):g}"
        name = each.as_ or str(each.column)
        name = name if each.as_ and len(quantiles) == 1 else f"{name}_{percent}"
        yield Measure(name, each.function, each.column, q)


def _piece_states(item: _Work) -> _Done:
    import pyarrow.parquet
    import sandboxed_sql
    import source_tables

    aggregation = item.aggregation
    with contextlib.closing(sandboxed_sql.connect("2GB")) as con:
        table, rejects = source_tables.table_of(con, item.piece, aggregation.types, item.dialect)
        con.register("rows", table)
        number = f"SELECT *, {aggregation.partition(item.partitions)} AS partition FROM"
        states = con.sql(f"{number} ({aggregation.states('rows')})").to_arrow_table()
        for part in range(item.partitions):
            mine = (
                states.filter(pyarrow.compute.equal(states["partition"], part))
                if item.partitions > 1
                else states
            )
            path = os.path.join(item.folder, f"{part:03d}.{item.number:08d}.states")
            # A second try of the same task must not meet a half-written file of the first.
            pyarrow.parquet.write_table(mine.drop_columns("partition"), f"{path}.{os.getpid()}")
            os.replace(f"{path}.{os.getpid()}", path)
    return _Done(item.number, table.num_rows, len(rejects), rejects[0] if rejects else None)


def _engine(folder: str) -> Any:
    import duckdb

    con = duckdb.connect(
        ":memory:", config={"threads": "2", "memory_limit": "4GB", "preserve_insertion_order": "true"}
    )
    con.execute(f"SET temp_directory = '{_escaped(os.path.join(folder, 'spill'))}'")
    return con


def _merged(item: _Work) -> _Done:
    import duckdb

    names = sorted(
        n for n in os.listdir(item.folder) if n.startswith(f"{item.number:03d}.") and n.endswith(".states")
    )
    paths = [os.path.join(item.folder, name) for name in names]
    listed = ", ".join(f"'{_escaped(path)}'" for path in paths)
    target = os.path.join(item.folder, f"{item.number:03d}.result")
    try:
        with contextlib.closing(_engine(item.folder)) as con:
            merged = item.aggregation.merged(f"read_parquet([{listed}])")
            con.execute(f"COPY ({merged}) TO '{_escaped(f'{target}.{os.getpid()}')}' (FORMAT parquet)")
    except duckdb.OutOfMemoryException as error:
        raise JobError(
            "AGGREGATION_MEMORY",
            f"the groups do not fit into memory: {error}",
            hint="exact quantiles keep all values of a group: group by more columns, or ask for no quantiles",
            retry=False,
        ) from None
    os.replace(f"{target}.{os.getpid()}", target)
    return _Done(item.number, 0, 0, None)


def _written(
    folder: str, aggregation: Any, path: str, kind: str
) -> tuple[int, list[dict[str, str]], list[dict[str, Any]]]:
    from sandboxed_sql import quoted

    with contextlib.closing(_engine(folder)) as con:
        source = f"read_parquet('{_escaped(os.path.join(folder, '*.result'))}')"
        described = con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        values = []
        for name, column, *_ in described:
            if column == "DECIMAL(38,0)":
                # Sums of whole numbers: whole numbers of 64 bits as long as all of them fit.
                (fits,) = con.execute(
                    f"SELECT bool_and({quoted(name)} BETWEEN {-(2**63)} AND {2**63 - 1}) FROM {source}"
                ).fetchall()[0]
                whole = "DECIMAL(38,0)" if fits is False else "BIGINT"
                values.append(f"CAST({quoted(name)} AS {whole}) AS {quoted(name)}")
            else:
                values.append(quoted(name))
        order = ", ".join(f"{quoted(key)} ASC NULLS LAST" for key in aggregation.keys)
        query = f"SELECT {', '.join(values)} FROM {source}" + (f" ORDER BY {order}" if order else "")
        options = "FORMAT parquet" if kind == "parquet" else "FORMAT csv, HEADER true"
        con.execute(f"COPY ({query}) TO '{_escaped(path)}' ({options})")
        (groups,) = con.execute(f"SELECT count(*) FROM {source}").fetchall()[0]
        columns = [{"name": n, "type": str(t)} for n, t, *_ in con.execute(f"DESCRIBE {query}").fetchall()]
        names = [column["name"] for column in columns]
        shown = con.execute(f"{query} LIMIT {PREVIEW_ROWS}").fetchall()
        return groups, columns, [{n: _shown(v) for n, v in zip(names, row, strict=True)} for row in shown]


def _shown(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (int, float, bool)) or value is None:
        return value
    return str(value)[:200]


def _escaped(text: str) -> str:
    return text.replace("'", "''")


if __name__ == "__main__":
    lovage_job.run(main, Request)
