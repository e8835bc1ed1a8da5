"""One trial of a search: trains with its parameters on each fold, round by round, and reports the mean
score."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import model_metrics
from features import Column, Filling
from target import Target
from fitting import reason_of
from nodes_used import note_node
from training_worker import matrix_of, predict

_HEARTBEAT_SECONDS = 5.0

_matrices: dict[str, list[tuple[Any, Any]]] = {}
"""Of the search this process works for: processes are used again for the next trial."""


def run_trial(config: dict[str, Any], data: dict[str, Any]) -> None:
    """What Ray Tune calls in a worker process. ``data`` comes once through Ray's object store."""
    import xgboost
    from ray import tune

    note_node()
    try:
        _boost(config, data)
    except xgboost.core.XGBoostError as error:
        # Parameters that XGBoost refuses are no reason to lose the process, which takes seconds to start
        # again.
        worst = -np.inf if model_metrics.HIGHER_IS_BETTER[data["metric"]] else np.inf
        tune.report({"score": worst, "best_round": 0, "round": 0, "ended": True, "error": reason_of(error)})


def _boost(config: dict[str, Any], data: dict[str, Any]) -> None:
    import xgboost
    from ray import tune

    number = config["number"]
    target = Target.model_validate(data["target"])
    metric, higher = data["metric"], model_metrics.HIGHER_IS_BETTER[data["metric"]]
    params = {**data["base"], **data["trials"][number]}
    pairs = _folds(data)
    boosters = [xgboost.Booster(params, cache=list(pair)) for pair in pairs]
    best, best_round, reported = None, 0, time.monotonic()
    for done in range(1, data["rounds"] + 1):
        scores = []
        for booster, (train, validation) in zip(boosters, pairs, strict=True):
            booster.update(train, done - 1)
            # The matrix is in the booster's cache: only the new tree is added to its predictions.
            predicted = predict(booster, validation, target)
            scores.append(model_metrics.score(metric, target.kind, validation.get_label(), predicted))
        score = float(np.mean([s for s in scores if s is not None]))
        if best is None or (score > best if higher else score < best):
            best, best_round = score, done
        waited = data["early_stopping_rounds"]
        last = done == data["rounds"] or bool(waited and done - best_round >= waited)
        if last or done % data["report_every"] == 0 or time.monotonic() - reported > _HEARTBEAT_SECONDS:
            reported = time.monotonic()
            tune.report({"score": best, "best_round": best_round, "round": done, "ended": last})
        if last:
            return


def _folds(data: dict[str, Any]) -> list[tuple[Any, Any]]:
    token = data["token"]
    if token not in _matrices:
        _matrices.clear()
        columns = [Column.model_validate(c) for c in data["columns"]]
        _matrices[token] = [
            (_matrix(data, columns, data["fold"] != fold), _matrix(data, columns, data["fold"] == fold))
            for fold in data["folds"]
        ]
    return _matrices[token]


def _matrix(data: dict[str, Any], columns: list[Column], rows: np.ndarray) -> Any:
    chosen = Filling(int(rows.sum()), columns)
    chosen.add(data["matrix"][rows], data["labels"][rows])
    return matrix_of(chosen, columns)
