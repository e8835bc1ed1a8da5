"""Applies a version of a model to every row of a dataset, in parallel by Ray Data.

Writes ``output``: one file when it ends in ``.csv`` or ``.parquet``, else a folder of Parquet files
``part-00000.parquet``, ``part-00001.parquet``, ... Either has all columns of the dataset (its own column
order, rows in their order), then ``prediction``, and for a classification ``probability_<class>`` for each
class. It appears when it is complete. Earlier output is replaced, a folder only when it holds nothing else.

A CSV's values are written to CSV as they are. In Parquet the features that the model takes for numbers,
booleans or times have that type; everything else is the text of the CSV, letter by letter.
"""

from __future__ import annotations

import os
import time
from typing import Annotated, Any

import pyarrow.compute as pc
import pydantic

import model_store
from dataset_stream import schema_of, stream
from features import Column
from lovage_job import BadInput, Job, JobError, Model, run
from lovage_paths import (
    DataFile,
    atomic_output,
    check_replaceable,
    input_files,
    output_file,
    refuse_input_as_output,
)
from nodes_used import NodesUsed, nodes_used
from prediction_files import CsvFile, ParquetFiles
from ray_cluster import cpus_for_workers, cpus_per_worker
from row_predictions import UNSEEN, predict_rows
from tabular import Scan, column_names, scan
from training_spec import Name
from value_kinds import kind_of_text

ROWS_PER_PART = 1_000_000
"""Of a folder of Parquet files."""


class Request(Model):
    """Which model, on which dataset, and where the predictions go."""

    model: Name
    dataset: Annotated[str, pydantic.Field(min_length=1)]
    version: Name | None = None
    output: Annotated[str, pydantic.Field(min_length=1)] | None = None
    prediction_column: Name = "prediction"


class Report(Model):
    """What was written, and what did not fit the model exactly."""

    model: str
    version: str
    output: str
    files: int
    rows: int
    kind: str
    columns: list[str]
    extra_columns: list[str]
    unseen_categories: dict[str, int]
    seconds: float
    nodes: NodesUsed


def main(request: Request, job: Job) -> Report:
    """Checks that the dataset fits before the cluster is asked for anything."""
    began = time.monotonic()
    # Loaded first of all: a retraining may remove the version while a large dataset is read.
    _, manifest, booster = model_store.opened(job, request.model, request.version)
    path, kind = _output(request, job)
    files = input_files(job, request.dataset, field="dataset")
    refuse_input_as_output(path, files, field="output")
    check_replaceable(path, folder=kind == "folder")
    if len({f.format for f in files}) > 1:
        raise BadInput(
            "INPUT_FORMAT_MIXED",
            f"dataset: {request.dataset} has CSV and Parquet files",
            field="dataset",
            hint='name one of them with a glob, such as "folder/*.csv"',
        )
    job.progress(0.0, "reading the dataset")
    found = scan(files, lambda fraction: job.progress(0.1 * fraction, "reading the dataset"))
    _check_fit(manifest, found, files)
    names = [request.prediction_column, *(f"probability_{c}" for c in manifest.target.classes or ())]
    clash = next((n for n in names if n in found.kinds), None)
    if clash is not None:
        raise BadInput(
            "INPUT_COLUMN_CLASH",
            f"the dataset has a column {clash} already",
            field="predictionColumn",
            value=clash,
            hint="set predictionColumn to another name, or leave the column out of the dataset",
        )
    if kind == "csv" and "unsupported" in found.kinds.values():
        first = next(n for n, k in found.kinds.items() if k == "unsupported")
        raise BadInput(
            "INPUT_COLUMN_TYPE", f"column {first} cannot be written as CSV", field="output", value=first
        )
    schema = schema_of(files, found)
    job.progress(0.1, "starting")
    plan = _plan(manifest, found, files, names, as_lines=kind == "csv")
    dataset = _predicted(stream(files, found, schema), found, plan, bytes(booster.save_raw("ubj")))
    with atomic_output(path) as partial:
        rows, parts, unseen = _write(dataset, partial, kind, plan, found.total, job)
        if rows != found.total:
            raise JobError(
                "ROWS_LOST",
                f"{found.total} rows were read, {rows} written: the dataset was changed meanwhile",
            )
    nodes = nodes_used()
    job.progress(1.0, f"{rows} rows written, {nodes}")
    learned = {c.name for c in manifest.columns} | {manifest.target.name, *manifest.excluded}
    return Report(
        model=request.model,
        version=manifest.version,
        output=path,
        files=parts,
        rows=rows,
        kind=manifest.target.kind,
        columns=[*found.kinds, *names],
        extra_columns=[n for n in found.kinds if n not in learned],
        unseen_categories=unseen,
        seconds=round(time.monotonic() - began, 3),
        nodes=nodes,
    )


def _output(request: Request, job: Job) -> tuple[str, str]:
    """Where predictions go, and as what: csv, parquet, or a folder of Parquet files."""
    text = request.output or f"predictions/{request.model}-{job.id.replace('/', '_')[-100:]}.parquet"
    suffix = os.path.splitext(text)[1].lower()
    # Another suffix is a slip rather than the name of a folder.
    if suffix in (".json", ".jsonl", ".xlsx", ".tsv", ".txt", ".gz", ".pq", ".avro", ".orc"):
        raise BadInput(
            "INPUT_FORMAT_UNKNOWN", f"output: {text} must end in .csv or .parquet", field="output", value=text
        )
    kind = suffix.removeprefix(".") if suffix in (".csv", ".parquet") else "folder"
    return output_file(job, text, field="output"), kind


def _check_fit(manifest: model_store.Manifest, found: Scan, files: list[DataFile]) -> None:
    missing = [c.name for c in manifest.columns if c.name not in found.kinds]
    wrong = [
        f"{c.name} (learned as {c.type}, is {found.kinds[c.name]})"
        for c in manifest.columns
        if c.name in found.kinds and not _fits(c, found.kinds[c.name])
    ]
    if not missing and not wrong and len(files) > 1:
        for file in files:
            lacking = [c.name for c in manifest.columns if c.name not in set(column_names(file))]
            missing += [f"{name} (in {os.path.basename(file.path)})" for name in lacking]
    if not missing and not wrong:
        return
    known = {c.name for c in manifest.columns} | {manifest.target.name}
    extra = [n for n in found.kinds if n not in known]
    faults = [("missing", missing), ("of another type", wrong), ("extra", extra)]
    text = "; ".join(f"{what}: {', '.join(names[:30])}" for what, names in faults if names)
    raise BadInput(
        "INPUT_SCHEMA_MISMATCH",
        f"dataset: the columns do not fit model {manifest.model} {manifest.version}: {text}",
        field="dataset",
        value=", ".join([*missing, *wrong]),
        hint="rename or add the columns that are missing; extra ones alone do no harm",
    )


def _fits(column: Column, kind: str) -> bool:
    if kind == "empty":
        return True
    if column.type in ("integer", "number"):
        return kind in ("integer", "number")
    if column.type != "category" or kind in ("category", "unsupported"):
        return kind == column.type
    # All texts of this dataset look like numbers (or times, …): right if some of those that were learned did.
    return any(kind_of_text(c) == kind for c in column.categories or ())


def _plan(
    manifest: model_store.Manifest, found: Scan, files: list[DataFile], names: list[str], *, as_lines: bool
) -> dict[str, Any]:
    return {
        "sha256": manifest.model_sha256,
        "target": manifest.target.model_dump(),
        "columns": [c.model_dump() for c in manifest.columns],
        "kinds": found.kinds,
        "text": files[0].format == "csv",
        "names": names,
        "as_lines": as_lines,
    }


def _predicted(dataset: Any, found: Scan, plan: dict[str, Any], model: bytes) -> Any:
    import ray.data

    most = max(1, min(cpus_for_workers(), -(-found.total // 5_000)))
    return dataset.map_batches(
        predict_rows,
        batch_size=None,
        batch_format="pyarrow",
        fn_kwargs={"plan": plan, "model": model},
        compute=ray.data.TaskPoolStrategy(size=most),
        zero_copy_batch=True,
        num_cpus=cpus_per_worker(),
    )


def _write(
    dataset: Any, partial: str, kind: str, plan: dict[str, Any], total: int, job: Job
) -> tuple[int, int, dict[str, int]]:
    columns = [c["name"] for c in plan["columns"]]
    unseen: dict[str, int] = {}
    if plan["as_lines"]:
        sink: Any = CsvFile(partial, [*plan["kinds"], *plan["names"]])
    else:
        sink = ParquetFiles(partial, ROWS_PER_PART if kind == "folder" else None)
    rows = 0
    try:
        for table in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1):
            for name in [n for n in table.schema.names if n.startswith(UNSEEN)]:
                count = pc.sum(table.column(name)).as_py() or 0
                if count:
                    feature = columns[int(name.removeprefix(UNSEEN))]
                    unseen[feature] = unseen.get(feature, 0) + count
                table = table.drop_columns([name])
            if table.num_rows:
                sink.write(table)
            rows += table.num_rows
            job.progress(0.1 + 0.88 * rows / total, "predicting", rows=rows, of=total)
    finally:
        sink.close()
    return rows, sink.files, unseen


if __name__ == "__main__":
    run(main, Request)
