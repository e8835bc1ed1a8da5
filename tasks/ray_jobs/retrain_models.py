"""Trains every registered model again, from its stored spec, on its present data; the better version is put
in use.

A new version is promoted (``latest`` moves) only when its metric is not worse than that of the version in use
(the newest, when none is) by more than ``tolerance``, a share of the old value. Both are measured on the same
held-out rows of the present data. Data whose columns or target have become of another type, or whose target
has other classes, cannot be compared: that model fails with RETRAINING_INCOMPARABLE, and nothing is promoted.
When another version was put in use meanwhile, the new one is compared with that one.

The last ``keep_versions`` versions stay, and so do the one in use and newer ones than this program's own. Small
models are trained inside this program.

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

import model_store
from lovage_job import Job, JobError, Model, find_job_error, run
from model_comparison import Verdict, check_comparable, compared, measured
from model_lock import locked
from prepared_data import Prepared, prepare
from training import train
from training_spec import Name, Spec, part


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
    _, before, old = model_store.opened(job, name, used or newest)
    # What took no part then may have left the data since.
    spec = Spec.model_validate({**before.spec, "exclude": []})
    prepared = prepare(job, spec, part(progress, 0.0, 0.25))
    check_comparable(before, prepared)
    # Measured before the training: what cannot be compared is not worth one.
    reading = part(progress, 0.25, 0.3)
    present = measured(before, old, prepared, lambda f: reading(f, "measuring the version in use"))
    # Another attempt of this job may have come so far already.
    key = model_store.hash_of("retrain_models", request, prepared.scan.fingerprint)
    made = model_store.made_by(folder, job, key) or train(
        job,
        name,
        folder,
        spec,
        prepared,
        part(progress, 0.3, 0.9),
        request=key,
        put_in_use=False,
        excluded=before.excluded or before.spec.get("exclude", []),
        in_process=True,
    )
    _, _, new = model_store.opened(job, name, made.version)
    again = part(progress, 0.9, 0.99)
    fresh = measured(made, new, prepared, lambda f: again(f, "measuring the new version"))
    rival = "the version in use" if used else f"{newest}, the newest (none was in use)"
    verdict = compared(made.target.kind, request.metric, fresh, present, request.tolerance, rival)
    while True:
        if used == made.version:
            verdict = Verdict(True, "an earlier attempt promoted it", {})
        fields = _settled(folder, made.version, used, verdict, request, job)
        if fields is not None:
            return {"version": made.version, "rows": len(prepared.sides), **fields}
        used = model_store.latest(folder)
        verdict = _verdict_on(used, name, made, fresh, prepared, request, job)


def _settled(
    folder: str, version: str, used: str | None, verdict: Verdict, request: Request, job: Job
) -> dict[str, Any] | None:
    """Promotes or keeps, and removes old versions; None when it is no longer ``used`` that is in use."""
    with locked(folder, job.submission_id) as check:
        if model_store.latest(folder) != used:
            return None
        status, reason = ("promoted" if verdict.good else "kept"), verdict.reason
        if not model_store.complete(folder, version):
            status, reason = "kept", "another retraining of this model has removed the new version"
        check()
        if status == "promoted":
            model_store.set_latest(folder, version)
        removed = model_store.prune(folder, request.keep_versions, version)
    previous = used if used != version else None
    return {"status": status, "reason": reason, "previous": previous, **verdict.scores, "removed": removed}


def _verdict_on(
    used: str | None,
    name: str,
    made: model_store.Manifest,
    fresh: dict[str, float],
    prepared: Prepared,
    request: Request,
    job: Job,
) -> Verdict:
    """The new version against one that was put in use while it was trained; that one stays in doubt."""
    try:
        _, other, model = model_store.opened(job, name, used)
        check_comparable(other, prepared)
        present = measured(other, model, prepared, lambda _: None)
    except JobError as error:
        return Verdict(False, f"{used} was put in use meanwhile, and stays: {error.message}", {})
    rival = f"{used}, put in use meanwhile"
    return compared(made.target.kind, request.metric, fresh, present, request.tolerance, rival)


if __name__ == "__main__":
    run(main, Request)
