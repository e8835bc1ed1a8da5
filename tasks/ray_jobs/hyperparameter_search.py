"""Searches for the best XGBoost parameters by Ray Tune: a grid, random points, or ASHA (poor trials end
early).

Writes all trials to ``output`` (CSV or Parquet by its suffix; default ``MODELS_DIR/_searches/<job
id>/trials.csv``): columns ``trial``, ``status`` (completed, stopped, failed), ``score``, ``rounds``,
``error``, and one for each parameter; and beside it, under the same name, a picture of the trials (SVG or
PNG).

A score is the mean over the folds, at the round where that mean is best. Trials are the same for the same
seed; which ones ASHA stops early can depend on the order in which they run.
"""

from __future__ import annotations

import os
import re
import time
import uuid
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pydantic

import model_metrics
import model_store
from held_out import folds
from lovage_job import BadInput, Job, JobError, Model, run
from lovage_paths import atomic_output, output_file
from prepared_data import LEFT_OUT, TRAIN, VALIDATION, Prepared, load_rows, prepare
from ray_cluster import connect, cpus_for_workers, cpus_per_worker
from search_space import MOST_TRIALS, Method, Range, trials_of
from training import reason_of, training_params
from training_spec import ParamValue, Spec, part
from trial import run_trial
from trial_picture import draw

Metric = Literal["auto", "accuracy", "logloss", "auc", "f1", "rmse", "mae", "r2"]


class Request(Spec):
    """The space to search, and how trials are scored. ``params`` are the same in every trial."""

    space: Annotated[dict[str, Range], pydantic.Field(min_length=1)]
    method: Method = "auto"
    trials: Annotated[int, pydantic.Field(ge=1, le=MOST_TRIALS)] = 20
    metric: Metric = "auto"
    folds: Annotated[int, pydantic.Field(ge=0, le=20)] = 3
    early_stopping_rounds: Annotated[int, pydantic.Field(ge=1)] | None = 20
    output: Annotated[str, pydantic.Field(min_length=1)] | None = None
    picture: Literal["svg", "png"] = "svg"


class FailedTrial(Model):
    """A trial that failed, and why."""

    trial: int
    params: dict[str, ParamValue]
    error: str


class Report(Model):
    """The best parameters (as ``params`` of distributed_training, with ``rounds``), and where all trials
    are."""

    best_params: dict[str, ParamValue]
    best_rounds: int
    best_score: float
    best_trial: int
    metric: str
    higher_is_better: bool
    method: str
    scored_by: str
    trials: int
    stopped: int
    failed: int
    failures: list[FailedTrial]
    rows: int
    trials_file: str
    picture_file: str
    seconds: float


def main(request: Request, job: Job) -> Report:
    """Checks everything that can be checked without the cluster, then runs the trials."""
    began = time.monotonic()
    points = trials_of(request.space, request.params, request.method, request.trials, request.seed)
    path = _output(request, job)

    def progress(fraction: float, message: str) -> None:
        job.progress(fraction, message)

    spec = Spec.model_validate(request.model_dump(include=set(Spec.model_fields)))
    prepared = prepare(job, spec, part(progress, 0.0, 0.1))
    metric = _metric(request.metric, prepared)
    trials, rows = _run(request, job, prepared, metric, points)
    good = [t for t in trials if t["score"] is not None]
    if not good:
        raise JobError(
            "SEARCH_FAILED", f"all {len(trials)} trials failed; the first: {trials[0]['error']}", retry=False
        )
    higher = model_metrics.HIGHER_IS_BETTER[metric]
    # Of equal trials the first: the answer does not depend on which one ended first.
    best = min(good, key=lambda t: (-t["score"] if higher else t["score"], t["trial"]))
    job.progress(0.97, "writing the trials")
    picture = f"{path.rsplit('.', 1)[0]}.{request.picture}"
    names = list(dict.fromkeys(n for t in trials for n in t["params"]))
    with atomic_output(path) as partial:
        _write(partial, trials, names)
    with atomic_output(picture) as partial:
        draw(partial, trials, names, metric, higher)
    failed = [
        FailedTrial(trial=t["trial"], params=t["params"], error=t["error"])
        for t in trials
        if t["score"] is None
    ]
    job.progress(1.0, f"best {metric} {best['score']:.5g}")
    return Report(
        best_params=best["params"],
        best_rounds=best["rounds"],
        best_score=best["score"],
        best_trial=best["trial"],
        metric=metric,
        higher_is_better=higher,
        method=_method(request, points),
        scored_by=f"{request.folds}-fold cross-validation" if request.folds > 1 else "held-out rows",
        trials=len(trials),
        stopped=sum(t["status"] == "stopped" for t in trials),
        failed=len(failed),
        failures=failed[:10],
        rows=rows,
        trials_file=path,
        picture_file=picture,
        seconds=round(time.monotonic() - began, 3),
    )


def _output(request: Request, job: Job) -> str:
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", job.id)[-100:]
    text = request.output or os.path.join(job.models_dir, "_searches", safe, "trials.csv")
    if not text.lower().endswith((".csv", ".parquet")):
        raise BadInput(
            "INPUT_FORMAT_UNKNOWN", f"output: {text} must end in .csv or .parquet", field="output", value=text
        )
    return output_file(job, text, field="output")


def _metric(wanted: Metric, prepared: Prepared) -> str:
    kind = prepared.target.kind
    if wanted == "auto":
        return model_metrics.DEFAULT[kind]
    if wanted not in model_metrics.available(kind):
        raise BadInput(
            "INPUT_METRIC_MISMATCH",
            f"metric: {wanted} is not defined for a {kind} target;"
            f" there are: {', '.join(model_metrics.available(kind))}",
            field="metric",
            value=wanted,
        )
    return wanted


def _method(request: Request, points: list[Any]) -> str:
    if request.method != "auto":
        return request.method
    varied = [of for of in request.space.values() if not isinstance(of, (int, float, str, bool))]
    return "grid" if all(isinstance(of, list) or hasattr(of, "choice") for of in varied) else "random"


def _data(request: Request, prepared: Prepared, metric: str, points: list[Any]) -> dict[str, Any]:
    target = prepared.target
    cross = request.folds > 1
    kept = np.flatnonzero(prepared.sides != LEFT_OUT)
    sides = np.where(prepared.sides == LEFT_OUT, LEFT_OUT, TRAIN).astype(np.uint8)
    shares, _ = load_rows(prepared.files, prepared.scan.rows, prepared.columns, target, sides)
    labels = shares[TRAIN].labels
    if cross:
        if request.folds > len(kept):
            raise BadInput(
                "INPUT_TOO_FEW_ROWS", f"folds: {request.folds} folds of {len(kept)} rows", field="folds"
            )
        fold = folds(prepared.hashes[kept], labels if target.classes else None, request.folds, request.seed)
    else:
        fold = np.where(prepared.sides[kept] == VALIDATION, 0, -1).astype(np.int32)
    return {
        "token": uuid.uuid4().hex,
        "matrix": shares[TRAIN].matrix,
        "labels": labels,
        "fold": fold,
        "folds": list(range(request.folds)) if cross else [0],
        "columns": [c.model_dump() for c in prepared.columns],
        "target": target.model_dump(),
        "metric": metric,
        "base": training_params(prepared, request),
        "trials": points,
        "rounds": request.rounds,
        "early_stopping_rounds": request.early_stopping_rounds,
        "report_every": max(1, request.rounds // 20) if request.method == "asha" else request.rounds,
    }


def _run(
    request: Request, job: Job, prepared: Prepared, metric: str, points: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], int]:
    data = _data(request, prepared, metric, points)
    job.progress(0.1, f"starting {len(points)} trials")
    connect()
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler

    class Told(tune.Callback):
        """Tells how many trials have finished."""

        done = 0

        def _finished(self, what: str) -> None:
            self.done += 1
            job.progress(0.1 + 0.85 * self.done / len(points), f"trial {self.done} of {len(points)} {what}")

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            score = (trial.last_result or {}).get("score")
            good = score is not None and np.isfinite(score)
            self._finished(f"done, {metric} {score:.5g}" if good else "failed")

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            self._finished("failed")

        def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:
            at = f"round {result['round']} of {request.rounds}"
            job.progress(
                0.1 + 0.85 * self.done / len(points), f"trial {result['config']['number'] + 1}: {at}"
            )

    mode = "max" if model_metrics.HIGHER_IS_BETTER[metric] else "min"
    scheduler = None
    if request.method == "asha":
        grace = max(1, request.rounds // 10)
        scheduler = ASHAScheduler(
            time_attr="round", max_t=request.rounds, grace_period=grace, reduction_factor=3
        )
    with model_store.scratch(job.models_dir) as work:
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(run_trial, data=data), {"cpu": cpus_per_worker()}),
            param_space={"number": tune.grid_search(list(range(len(points))))},
            tune_config=tune.TuneConfig(
                metric="score",
                mode=mode,
                scheduler=scheduler,
                reuse_actors=True,
                max_concurrent_trials=min(len(points), request.workers or MOST_TRIALS, cpus_for_workers()),
            ),
            run_config=tune.RunConfig(name="ray", storage_path=work, verbose=0, callbacks=[Told()]),
        )
        results = tuner.fit()
    trials = [_trial(points, result) for result in results]
    return sorted(trials, key=lambda t: t["trial"]), len(data["labels"])


def _trial(points: list[dict[str, Any]], result: Any) -> dict[str, Any]:
    number = result.config["number"]
    metrics = result.metrics or {}
    score = metrics.get("score")
    status = "completed" if metrics.get("ended") else "stopped"
    trial = {"trial": number + 1, "params": points[number], "status": status, "score": score, "error": None}
    trial["rounds"] = metrics.get("best_round")
    if result.error is not None or score is None or not np.isfinite(score):
        text = reason_of(result.error) if result.error else metrics.get("error", "it gave no score")
        return {**trial, "status": "failed", "score": None, "rounds": None, "error": text[:500]}
    return trial


def _write(path: str, trials: list[dict[str, Any]], names: list[str]) -> None:
    columns: dict[str, Any] = {
        name: [t[name] for t in trials] for name in ("trial", "status", "score", "rounds", "error")
    }
    for name in names:
        values = [t["params"].get(name) for t in trials]
        columns[name] = values if not any(isinstance(v, str) for v in values) else [str(v) for v in values]
    table = pa.table({**columns, "error": pa.array(columns["error"], pa.string())})
    if path.endswith(".parquet"):
        pq.write_table(table, path)
    else:
        pyarrow.csv.write_csv(table, path)


if __name__ == "__main__":
    run(main, Request)
