"""Trains XGBoost by Ray Train on a CSV or Parquet dataset and saves a version of the model.

Writes ``MODELS_DIR/<model>/<version>/`` with ``model.ubj``, ``manifest.json`` and ``validation.parquet``
(columns ``row``, ``truth``, ``prediction``, and ``probability_<class>`` for each class), and
``MODELS_DIR/<model>/latest``; model_store.py describes them. Another attempt of the same job with the same
request finds the version that is there and makes no second one.

With ``earlyStoppingRounds`` the number of rounds is chosen on the held-out rows, which the metrics are measured
on too: they are then a little too good. A search's cross-validation tells how well such a model does on others.
"""

from __future__ import annotations

import time
from typing import Any

import model_store
from features import Ignored
from lovage_job import Job, Model, run
from lovage_paths import model_dir
from model_lock import locked
from nodes_used import NodesUsed, nodes_used
from prepared_data import prepare
from training import train
from training_spec import Name, Spec, part


class Request(Spec):
    """What to train, and under which name."""

    model: Name
    set_latest: bool = True


class Report(Model):
    """The version that was made, and how good it is on the held-out rows."""

    model: str
    version: str
    path: str
    latest: bool
    kind: str
    objective: str
    classes: list[str | bool | int | float] | None
    metrics: dict[str, float]
    rows: model_store.Rows
    features: int
    ignored: list[Ignored]
    rounds: int
    importance: dict[str, float]
    fingerprint: str
    workers: int
    seconds: float
    reused: bool
    nodes: NodesUsed | None


def main(request: Request, job: Job) -> Report:
    """Trains, unless an earlier attempt of the same job has finished already."""
    began = time.monotonic()
    folder = model_dir(job, request.model)
    key = model_store.hash_of("distributed_training", request)
    done = model_store.made_by(folder, job, key)
    if done is not None:
        if request.set_latest:
            # Only what that attempt was kept from by its end; a newer version stays in use.
            with locked(folder, job.submission_id) as check:
                check()
                model_store.advance(folder, done.version)
        return _report(done, folder, began, None)

    def progress(fraction: float, message: str) -> None:
        job.progress(fraction, message)

    spec = Spec.model_validate(request.model_dump(include=set(Spec.model_fields)))
    prepared = prepare(job, spec, part(progress, 0.0, 0.2))
    manifest = train(
        job,
        request.model,
        folder,
        spec,
        prepared,
        part(progress, 0.2, 0.98),
        request=key,
        put_in_use=request.set_latest,
        excluded=spec.exclude,
    )
    nodes = nodes_used()
    job.progress(1.0, f"saved {request.model} {manifest.version}, {nodes}")
    return _report(manifest, folder, began, nodes)


def _report(manifest: model_store.Manifest, folder: str, began: float, nodes: NodesUsed | None) -> Report:
    fields: dict[str, Any] = {
        "path": f"{folder}/{manifest.version}",
        "latest": model_store.latest(folder) == manifest.version,
        "kind": manifest.target.kind,
        "objective": manifest.target.objective,
        "classes": manifest.target.classes,
        "features": len(manifest.columns),
        "importance": dict(list(manifest.importance.items())[:20]),
        "fingerprint": manifest.data.fingerprint,
        "seconds": round(time.monotonic() - began, 3),
        "reused": nodes is None,
        "nodes": nodes,
    }
    same = ("model", "version", "metrics", "rows", "ignored", "rounds", "workers")
    return Report(**fields, **{name: getattr(manifest, name) for name in same})


if __name__ == "__main__":
    run(main, Request)
