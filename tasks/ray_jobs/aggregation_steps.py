"""The steps of an aggregation on files: states of each piece of the sources, the states put together, and
the result.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import pyarrow.compute
import pyarrow.parquet
import sandboxed_sql
import source_pieces
from aggregation import Aggregation
from csv_grammar import Dialect
from csv_rows import Reject
from lovage_job import JobError
from sandboxed_sql import first_line, literal, quoted
from shares import Share


@dataclass(frozen=True)
class Work:
    """One step, as it is sent to a process: a piece to make states of, or a partition (without a piece) to
    put together. Its results lie in ``folder`` under its number.
    """

    number: int
    piece: source_pieces.Piece | None
    aggregation: Aggregation
    dialect: Dialect
    folder: str
    partitions: int


@dataclass(frozen=True)
class Done:
    """What became of the rows of a piece, and the first that cannot be used."""

    number: int
    rows: int = 0
    rejected: int = 0
    first: Reject | None = None


@dataclass(frozen=True)
class Written:
    """The result: how many groups, and the columns of the file with their types."""

    groups: int
    columns: list[dict[str, str]]
    preview: list[dict[str, object]]


def piece_states(work: Work) -> Done:
    """Leaves the states of a piece's rows, a file for each partition.

    Raises JobError AGGREGATION_MEMORY, and as :func:`source_pieces.table_of`.
    """
    aggregation, piece = work.aggregation, work.piece
    assert piece is not None
    with _within_memory(), contextlib.closing(sandboxed_sql.connect("2GB")) as con:
        table, rejected = source_pieces.table_of(con, piece, aggregation.types, work.dialect)
        con.register("rows", table)
        number = f"SELECT *, {aggregation.partition(work.partitions)} AS partition FROM"
        states = con.sql(f"{number} ({aggregation.states('rows')})").to_arrow_table()
    for part in range(work.partitions):
        mine = (
            states.filter(pyarrow.compute.equal(states["partition"], part))
            if work.partitions > 1
            else states
        )
        path = os.path.join(work.folder, f"{part:03d}.{work.number:08d}.states")
        # A second try of the same task must not meet a half-written file of the first.
        pyarrow.parquet.write_table(mine.drop_columns("partition"), f"{path}.{os.getpid()}")
        os.replace(f"{path}.{os.getpid()}", path)
    return Done(work.number, table.num_rows, rejected.count, rejected.first)


def merged(work: Work, share: Share | None = None) -> Done:
    """Puts the states of one partition together. Raises JobError AGGREGATION_MEMORY."""
    names = sorted(
        n for n in os.listdir(work.folder) if n.startswith(f"{work.number:03d}.") and n.endswith(".states")
    )
    target = os.path.join(work.folder, f"{work.number:03d}.result")
    partial = f"{target}.{os.getpid()}"
    with _within_memory(), contextlib.closing(_engine(work.folder)) as con, _watched(con, share):
        query = work.aggregation.merged(_parquet([os.path.join(work.folder, name) for name in names]))
        con.execute(f"COPY ({query}) TO {literal(partial)} (FORMAT parquet)")
    os.replace(partial, target)
    return Done(work.number)


def written(work: Work, path: str, kind: str, share: Share, *, preview: int) -> Written:
    """Writes the result of all partitions, sorted by its keys. Raises JobError AGGREGATION_MEMORY."""
    results = [os.path.join(work.folder, f"{part:03d}.result") for part in range(work.partitions)]
    with _within_memory(), contextlib.closing(_engine(work.folder)) as con:
        query = _result(con, work.aggregation, _parquet(results))
        columns = [{"name": n, "type": str(t)} for n, t, *_ in con.execute(f"DESCRIBE {query}").fetchall()]
        options = "FORMAT parquet" if kind == "parquet" else "FORMAT csv, HEADER true"
        with _watched(con, share):
            con.execute(f"COPY ({_lines(query, columns, kind)}) TO {literal(path)} ({options})")
        (groups,) = con.execute(f"SELECT count(*) FROM {_parquet(results)}").fetchall()[0]
        names = [column["name"] for column in columns]
        shown = con.execute(f"{query} LIMIT {preview}").fetchall()
    return Written(groups, columns, [dict(zip(names, row, strict=True)) for row in shown])


def _result(con: duckdb.DuckDBPyConnection, aggregation: Aggregation, source: str) -> str:
    values = []
    for name, column, *_ in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall():
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
    return f"SELECT {', '.join(values)} FROM {source}" + (f" ORDER BY {order}" if order else "")


def _lines(query: str, columns: list[dict[str, str]], kind: str) -> str:
    if kind == "parquet" or len(columns) > 1:
        return query
    # A missing value alone would be an empty line, which is no row; an empty text is written as "".
    name = quoted(columns[0]["name"])
    return f"SELECT coalesce(CAST({name} AS VARCHAR), '') AS {name} FROM ({query})"


def _engine(folder: str) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(
        ":memory:", config={"threads": "2", "memory_limit": "4GB", "preserve_insertion_order": "true"}
    )
    con.execute(f"SET temp_directory = {literal(os.path.join(folder, 'spill'))}")
    return con


def _parquet(paths: list[str]) -> str:
    """SQL that reads files: as they are named, and with the columns that are in them."""
    # A path is read as a glob, and a folder on it such as region=west as a column.
    listed = ", ".join(literal("".join(f"[{c}]" if c in "*?[" else c for c in path)) for path in paths)
    return f"read_parquet([{listed}], hive_partitioning = false)"


@contextlib.contextmanager
def _within_memory() -> Iterator[None]:
    try:
        yield
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        raise JobError(
            "AGGREGATION_MEMORY",
            f"the groups do not fit into memory: {first_line(error)}"[:1000],
            hint="exact quantiles keep all values of a group: group by more columns, or ask for no quantiles",
            retry=False,
        ) from None


def _watched(con: duckdb.DuckDBPyConnection, share: Share | None) -> contextlib.AbstractContextManager[None]:
    return share.watching(con, "putting groups together") if share else contextlib.nullcontext()
