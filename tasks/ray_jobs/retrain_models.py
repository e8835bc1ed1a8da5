"""Trains every registered model again, from its stored spec, on its present data; the better version is put
in use.

A new version is promoted (``latest`` moves) only when its metric is not worse than that of the version in use
by more than ``tolerance``, a share of the old value. Both are measured on the same held-out rows of the
present data. The last ``keep_versions`` versions stay, and the one in use always does. Small models are
trained inside this program.

One model's failure does not stop the others: it is in the report with its code. The report's ``status`` is
``ok``, ``partial`` (some failed), ``failed`` (all failed: still a report, not a failed job), or ``empty``
(there is no model).

Writes new folders ``MODELS_DIR/<model>/<version>/`` and moves ``MODELS_DIR/<model>/latest``; model_store.py
describes them.
"""

from __future__ import annotations

import time
import traceback
from typing import Annotated, Any, Literal

import pydantic

import model_metrics
import model_store
from lovage_job import Job, JobError, Model, find_job_error, run
from prepared_data import LEFT_OUT, VALIDATION, Prepared, load_rows, prepare
from training import train
from training_spec import Name, Spec, part
from training_worker import matrix_of, predict


class Request(Model):
    """Which models, and when a new version is good enough."""

    models: list[Name] | None = None
    metric: Literal["auto", "accuracy", "logloss", "auc", "f1", "rmse", "mae", "r2"] = "auto"
    tolerance: Annotated[float, pydantic.Field(ge=0, le=1)] = 0.01
    keep_versions: Annotated[int, pydantic.Field(ge=1, le=1_000)] = 5


class Outcome(Model):
    """What became of one model."""

    model: str
    status: Literal["promoted", "kept", "failed"]
    reason: str
    version: str | None = None
    previous: str | None = None
    metric: str | None = None
    score: float | None = None
    previous_score: float | None = None
    rows: int | None = None
    removed: list[str] = []
    code: str | None = None
    seconds: float


class Report(Model):
    """All models, in order of their names."""

    status: Literal["ok", "partial", "failed", "empty"]
    promoted: int
    kept: int
    failed: int
    models: list[Outcome]
    seconds: float


def main(request: Request, job: Job) -> Report:
    """Goes through the models one after another."""
    began = time.monotonic()
    names = model_store.models(job) if request.models is None else list(dict.fromkeys(request.models))
    outcomes: list[Outcome] = []
    for place, name in enumerate(names):

        def progress(fraction: float, message: str, place: int = place, name: str = name) -> None:
            job.progress((place + fraction) / len(names), f"{name}: {message}")

        outcomes.append(_outcome(name, request, job, progress))
    failed = sum(o.status == "failed" for o in outcomes)
    status = (
        "empty"
        if not outcomes
        else "ok"
        if not failed
        else "failed"
        if failed == len(outcomes)
        else "partial"
    )
    job.progress(1.0, f"{len(outcomes)} models, {failed} failed")
    return Report(
        status=status,
        promoted=sum(o.status == "promoted" for o in outcomes),
        kept=sum(o.status == "kept" for o in outcomes),
        failed=failed,
        models=outcomes,
        seconds=round(time.monotonic() - began, 3),
    )


def _outcome(name: str, request: Request, job: Job, progress: Any) -> Outcome:
    began = time.monotonic()
    try:
        fields = _retrain(name, request, job, progress)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other models go on
        found = find_job_error(error)
        if found is None:
            traceback.print_exc()
        reason = found.message if found else f"{type(error).__name__}: {error}"
        fields = {
            "status": "failed",
            "code": found.code if found else "RETRAINING_FAILED",
            "reason": reason[:1000],
        }
    return Outcome(model=name, seconds=round(time.monotonic() - began, 3), **fields)


def _retrain(name: str, request: Request, job: Job, progress: Any) -> dict[str, Any]:
    folder, newest = model_store.resolve_newest(job, name)
    used = model_store.latest(folder)
    before = model_store.read_manifest(folder, used or newest)
    spec = Spec.model_validate(before.spec)
    prepared = prepare(job, spec, part(progress, 0.0, 0.3))
    # Another attempt of this job may have come so far already.
    made = model_store.made_by(folder, job)
    made = made or train(job, name, folder, spec, prepared, part(progress, 0.3, 0.9), in_process=True)
    progress(0.9, "comparing with the version in use")
    fields = {"version": made.version, "rows": len(prepared.sides)}
    fields |= {"status": "promoted", "reason": "no version was in use"}
    if used == made.version:
        fields["reason"] = "an earlier attempt promoted it"
    elif used is not None:
        fields |= {"previous": used, **_compare(folder, before, made, prepared, request)}
    if fields["status"] == "promoted":
        model_store.set_latest(folder, made.version)
    return {**fields, "removed": model_store.prune(folder, request.keep_versions)}


def _compare(
    folder: str, old: model_store.Manifest, new: model_store.Manifest, prepared: Prepared, request: Request
) -> dict[str, Any]:
    fresh = _measured(folder, new, prepared)
    try:
        present = _measured(folder, old, prepared)
    except JobError as error:
        return {
            "status": "promoted",
            "reason": f"the version in use cannot be measured on this data: {error.message}",
        }
    common = [m for m in fresh if m in present]
    metric = request.metric if request.metric in common else model_metrics.DEFAULT[new.target.kind]
    worse = model_metrics.worse_by(metric, fresh[metric], present[metric])
    much = f"{abs(worse):.2%} {'worse' if worse > 0 else 'better'} than the version in use"
    scores = {"metric": metric, "score": fresh[metric], "previous_score": present[metric]}
    if worse > request.tolerance:
        return {**scores, "status": "kept", "reason": f"{metric} is {much}, more than the tolerance"}
    return {
        **scores,
        "status": "promoted",
        "reason": f"{metric} is {much}" if worse else f"{metric} is the same",
    }


def _measured(folder: str, manifest: model_store.Manifest, prepared: Prepared) -> dict[str, float]:
    """The metrics of a version on the rows that are held out now."""
    sides = prepared.sides.copy()
    sides[sides != VALIDATION] = LEFT_OUT
    columns, target = manifest.columns, manifest.target
    shares, _ = load_rows(prepared.files, prepared.scan.rows, columns, target, sides)
    booster = model_store.load(folder, manifest)
    predicted = predict(booster, matrix_of(shares[VALIDATION], columns), target)
    return model_metrics.measure(target.kind, shares[VALIDATION].labels, predicted)


if __name__ == "__main__":
    run(main, Request)
