"""All trials of a search through Ray Tune, and what became of each."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

import model_metrics
import model_store
from fitting import reason_of, training_params
from held_out import folds
from lovage_job import BadInput, Job
from prepared_data import LEFT_OUT, TRAIN, VALIDATION, Prepared, load_rows
from ray_cluster import connect, cpus_for_workers, cpus_per_worker
from search_request import Request
from search_space import MOST_TRIALS
from trial import run_trial


def run_trials(
    request: Request, job: Job, prepared: Prepared, metric: str, points: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], int]:
    """Runs a trial for each point; gives all trials in order, and the number of rows that each has learned
    from or was scored on."""
    data = _data(request, job, prepared, metric, points)
    job.progress(0.12, f"starting {len(points)} trials")
    connect()
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler

    class Told(tune.Callback):
        """Tells how many trials have finished."""

        done = 0

        def _finished(self, what: str) -> None:
            self.done += 1
            job.progress(0.12 + 0.83 * self.done / len(points), f"trial {self.done} of {len(points)} {what}")

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            score = (trial.last_result or {}).get("score")
            good = score is not None and np.isfinite(score)
            self._finished(f"done, {metric} {score:.5g}" if good else "failed")

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            self._finished("failed")

        def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:
            at = f"round {result['round']} of {request.rounds}"
            job.progress(
                0.12 + 0.83 * self.done / len(points), f"trial {result['config']['number'] + 1}: {at}"
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
    trials = [outcome_of(points, result) for result in results]
    return sorted(trials, key=lambda t: t["trial"]), len(data["labels"])


def write_trials(path: str, trials: list[dict[str, Any]], names: list[str]) -> None:
    """Writes a row for each trial: CSV or Parquet, by the suffix. ``names`` are those of the parameters."""
    columns: dict[str, Any] = {
        name: [t[name] for t in trials] for name in ("trial", "status", "score", "rounds", "error")
    }
    for name in names:
        values = [t["params"].get(name) for t in trials]
        columns[name] = values if not any(isinstance(v, str) for v in values) else [str(v) for v in values]
    table = pa.table({**columns, "error": pa.array(columns["error"], pa.string())})
    if path.lower().endswith(".parquet"):
        pq.write_table(table, path)
    else:
        pyarrow.csv.write_csv(table, path)


def outcome_of(points: list[dict[str, Any]], result: Any) -> dict[str, Any]:
    """What became of a trial. ``lost`` says of a failed one that its process was lost, for no fault of its
    parameters."""
    number = result.config["number"]
    metrics = result.metrics or {}
    score = metrics.get("score")
    status = "completed" if metrics.get("ended") else "stopped"
    trial = {"trial": number + 1, "params": points[number], "status": status, "score": score}
    trial |= {"rounds": metrics.get("best_round"), "error": None, "lost": False}
    if result.error is not None or score is None or not np.isfinite(score):
        text = reason_of(result.error) if result.error else metrics.get("error", "it gave no score")
        failed = {"status": "failed", "score": None, "rounds": None, "error": text[:500]}
        return {**trial, **failed, "lost": _lost(result.error)}
    return trial


def _data(
    request: Request, job: Job, prepared: Prepared, metric: str, points: list[dict[str, Any]]
) -> dict[str, Any]:
    target = prepared.target
    cross = request.folds > 1
    kept = np.flatnonzero(prepared.sides != LEFT_OUT)
    sides = np.where(prepared.sides == LEFT_OUT, LEFT_OUT, TRAIN).astype(np.uint8)
    shares, _ = load_rows(
        prepared.files,
        prepared.scan.rows,
        prepared.columns,
        target,
        sides,
        read=lambda share: job.progress(0.1 + 0.02 * share, "reading rows"),
    )
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


def _lost(error: BaseException | None) -> bool:
    """Whether a node, a process or its memory was lost. Ray wraps errors in one another."""
    from ray import exceptions

    seen: list[BaseException] = []
    while error is not None and error not in seen:
        if isinstance(error, (MemoryError, exceptions.OutOfMemoryError)):
            return True
        # A task's error is what its program raised; the others are about where it ran.
        if isinstance(error, exceptions.RayError) and not isinstance(error, exceptions.RayTaskError):
            return True
        seen.append(error)
        cause = getattr(error, "cause", None)
        error = cause if isinstance(cause, BaseException) else error.__cause__ or error.__context__
    return False
