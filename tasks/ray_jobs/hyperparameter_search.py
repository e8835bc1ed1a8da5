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
from typing import Any

import model_metrics
from lovage_job import BadInput, Job, JobError, Model, run
from lovage_paths import atomic_output, check_replaceable, input_files, output_file, refuse_input_as_output
from nodes_used import NodesUsed, nodes_used
from prepared_data import Prepared, prepare
from search_request import Metric, Request
from search_space import trials_of
from search_trials import run_trials, write_trials
from training_spec import ParamValue, Spec, part
from trial_picture import draw


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
    nodes: NodesUsed


def main(request: Request, job: Job) -> Report:
    """Checks everything that can be checked without the cluster, then runs the trials."""
    began = time.monotonic()
    points = trials_of(request.space, request.params, request.method, request.trials, request.seed)
    path, picture = _outputs(request, job)

    def progress(fraction: float, message: str) -> None:
        job.progress(fraction, message)

    spec = Spec.model_validate(request.model_dump(include=set(Spec.model_fields)))
    prepared = prepare(job, spec, part(progress, 0.0, 0.1))
    metric = _metric(request.metric, prepared)
    trials, rows = run_trials(request, job, prepared, metric, points)
    good = [t for t in trials if t["score"] is not None]
    if not good:
        lost = [t for t in trials if t["lost"]]
        raise JobError(
            "SEARCH_FAILED",
            f"all {len(trials)} trials failed; the first: {(lost or trials)[0]['error']}",
            hint="is there enough memory for so many trials at once? set workers" if lost else None,
            # Lost processes may do better next time; what XGBoost refuses, it refuses again.
            retry=bool(lost),
        )
    higher = model_metrics.HIGHER_IS_BETTER[metric]
    # Of equal trials the first: the answer does not depend on which one ended first.
    best = min(good, key=lambda t: (-t["score"] if higher else t["score"], t["trial"]))
    job.progress(0.97, "writing the trials")
    names = list(dict.fromkeys(n for t in trials for n in t["params"]))
    with atomic_output(path) as partial:
        write_trials(partial, trials, names)
    with atomic_output(picture) as partial:
        draw(partial, trials, names, metric, higher)
    failed = [
        FailedTrial(trial=t["trial"], params=t["params"], error=t["error"])
        for t in trials
        if t["score"] is None
    ]
    nodes = nodes_used()
    job.progress(1.0, f"best {metric} {best['score']:.5g}, {nodes}")
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
        nodes=nodes,
    )


def _outputs(request: Request, job: Job) -> tuple[str, str]:
    """Where the trials and their picture go: neither in place of the dataset, nor of a folder."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", job.id)[-100:]
    text = request.output or os.path.join(job.models_dir, "_searches", safe, "trials.csv")
    if not text.lower().endswith((".csv", ".parquet")):
        raise BadInput(
            "INPUT_FORMAT_UNKNOWN", f"output: {text} must end in .csv or .parquet", field="output", value=text
        )
    picture = f"{text.rsplit('.', 1)[0]}.{request.picture}"
    files = input_files(job, request.dataset, field="dataset")
    paths = [output_file(job, each, field="output") for each in (text, picture)]
    for path in paths:
        refuse_input_as_output(path, files, field="output")
        check_replaceable(path, folder=False)
    return paths[0], paths[1]


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


if __name__ == "__main__":
    run(main, Request)
