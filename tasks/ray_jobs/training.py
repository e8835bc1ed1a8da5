"""Trains on a prepared dataset, and saves a version of the model."""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import model_store
from fitting import Fitted, fit, training_params
from lovage_job import Job
from model_lock import locked
from model_metrics import measure
from prepared_data import Prepared
from target import Target
from training_spec import Progress, Spec


def train(
    job: Job,
    model: str,
    folder: str,
    spec: Spec,
    prepared: Prepared,
    progress: Progress,
    *,
    request: str,
    put_in_use: bool,
    excluded: Sequence[str],
    in_process: bool = False,
) -> model_store.Manifest:
    """Trains and saves a version of the model.

    ``request`` is the hash by which another attempt finds it, ``excluded`` names the columns that the first
    request left out. With ``put_in_use`` it becomes the latest, unless a newer one is.
    """
    import ray
    import xgboost

    began = time.monotonic()
    with model_store.scratch(folder) as work:
        fitted = fit(prepared, spec, work, progress, in_process=in_process)
        metrics = measure(prepared.target.kind, fitted.truth, fitted.predicted)
        version = model_store.claim(folder, job, request)
        made = os.path.join(work, version)
        os.mkdir(made)
        with open(os.path.join(made, model_store.MODEL_FILE), "wb") as handle:
            handle.write(fitted.model)
        pq.write_table(
            _validation_table(prepared.target, fitted), os.path.join(made, "validation.parquet")
        )
        sources = [
            model_store.SourceFile(path=f.path, size=f.size, sha256=h)
            for f, h in zip(prepared.files, prepared.scan.hashes, strict=True)
        ]
        manifest = model_store.Manifest(
            model=model,
            version=version,
            created=datetime.datetime.now(datetime.UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            job_id=job.id,
            request_sha256=request,
            target=prepared.target,
            columns=prepared.columns,
            ignored=prepared.ignored,
            excluded=list(excluded),
            spec=spec.pinned(prepared.columns, prepared.target.kind).model_dump(mode="json", by_alias=True),
            params=training_params(prepared, spec),
            rounds=fitted.rounds,
            metrics=metrics,
            rows=prepared.rows(),
            data=model_store.Data(dataset=spec.dataset, fingerprint=prepared.scan.fingerprint, files=sources),
            importance=fitted.importance,
            workers=fitted.workers,
            seconds=round(time.monotonic() - began, 3),
            libraries={
                "xgboost": xgboost.__version__,
                "ray": ray.__version__,
                "python": platform.python_version(),
            },
            model_sha256=hashlib.sha256(fitted.model).hexdigest(),
        )
        with open(os.path.join(made, model_store.MANIFEST_FILE), "w", encoding="utf-8") as handle:
            handle.write(manifest.model_dump_json(by_alias=True, indent=2))
        model_store.flush(made)
        # Between the two a retraining could take the new version for an old one, and remove it.
        with locked(folder, job.submission_id) as check:
            if not model_store.publish(made, folder, version):
                manifest = model_store.read_manifest(folder, version)
            if put_in_use:
                check()
                model_store.advance(folder, version)
        return manifest


def _validation_table(target: Target, fitted: Fitted) -> pa.Table:
    columns: dict[str, Any] = {"row": fitted.row}
    if target.classes is None:
        return pa.table({**columns, "truth": fitted.truth, "prediction": fitted.predicted})
    classes = target.class_values()
    columns["truth"] = classes.take(pa.array(fitted.truth.astype(np.int64)))
    columns["prediction"] = classes.take(pa.array(fitted.predicted.argmax(axis=1)))
    for place, name in enumerate(target.classes):
        columns[f"probability_{name}"] = fitted.predicted[:, place]
    return pa.table(columns)
