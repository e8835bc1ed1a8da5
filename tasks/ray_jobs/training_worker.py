"""What runs in each training worker of Ray Train, and XGBoost's view of rows and predictions.

Writes into the shared scratch folder: ``model.ubj`` and ``round.json`` (how far it is; rank 0
alone), and ``validation-<rank>.npz`` with the predictions for its share of the held-out rows.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

import numpy as np

import model_store
from features import Column, Filling, feature_types, xgboost_names
from lovage_paths import DataFile
from nodes_used import note_node
from prepared_data import TRAIN, VALIDATION, load_rows
from target import Target


def train_share(config: dict[str, Any]) -> None:
    """What each training worker runs: reads its share of the rows, and trains with the others."""
    import ray.train
    import xgboost

    note_node()
    context = ray.train.get_context()
    # Ray Train's local mode has no ranks.
    rank, size = context.get_world_rank() or 0, context.get_world_size() or 1
    columns = [Column.model_validate(c) for c in config["columns"]]
    target = Target.model_validate(config["target"])
    sides = np.load(os.path.join(config["work"], "sides.npy"), mmap_mode="r", allow_pickle=False)
    start, stop = len(sides) * rank // size, len(sides) * (rank + 1) // size
    files = [DataFile(**f) for f in config["files"]]
    told = _Told(os.path.join(config["work"], "round.json")) if rank == 0 else None
    read = (lambda share: told.tell({"round": 0, "read": share})) if told else lambda _: None
    shares, numbers = load_rows(files, config["rows"], columns, target, sides, start, stop, read=read)
    train, validation = (matrix_of(shares[side], columns) for side in (TRAIN, VALIDATION))
    callbacks: list[Any] = [_watch(told, config["rounds"])] if told else []
    if config["early_stopping_rounds"]:
        stopping = xgboost.callback.EarlyStopping(
            config["early_stopping_rounds"],
            metric_name=target.eval_metric(),
            data_name="validation",
            save_best=True,
        )
        callbacks.append(stopping)
    booster = xgboost.train(
        config["params"],
        train,
        config["rounds"],
        evals=[(validation, "validation")],
        callbacks=callbacks,
        verbose_eval=False,
    )
    np.savez(
        os.path.join(config["work"], f"validation-{rank:05d}.npz"),
        row=numbers[VALIDATION],
        truth=shares[VALIDATION].labels,
        predicted=predict(booster, validation, target),
    )
    if rank == 0:
        booster.save_model(os.path.join(config["work"], model_store.MODEL_FILE))
    ray.train.report({"rounds": booster.num_boosted_rounds()})


def matrix_of(rows: Filling, columns: list[Column]) -> Any:
    """An XGBoost matrix of rows with labels."""
    return named_matrix(rows.matrix, rows.labels, columns)


def named_matrix(matrix: np.ndarray, labels: np.ndarray | None, columns: list[Column]) -> Any:
    """An XGBoost matrix with names and types of the columns, with or without labels."""
    import xgboost

    return xgboost.DMatrix(
        matrix,
        label=labels,
        feature_names=xgboost_names(columns),
        feature_types=feature_types(columns),
        enable_categorical=True,
    )


def predict(booster: Any, matrix: Any, target: Target) -> np.ndarray:
    """Numbers, or a row of probabilities per class (two columns for two classes)."""
    values = booster.predict(matrix)
    return np.column_stack([1 - values, values]) if target.kind == "binary" else values


class _Told:
    """Rank 0 tells how far it is by a file: it costs no process, and the program sees it on every node."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._last = 0.0

    def tell(self, what: dict[str, Any], *, at_once: bool = False) -> None:
        """Five times a second at most."""
        if at_once or time.monotonic() - self._last > 0.2:
            self._last = time.monotonic()
            with open(f"{self._path}.new", "w", encoding="utf-8") as handle:
                json.dump(what, handle)
            os.replace(f"{self._path}.new", self._path)


def _watch(told: _Told, rounds: int) -> Any:
    import xgboost

    class Watch(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            metric, values = next(iter(evals_log["validation"].items()))
            now = {"round": epoch + 1, "metric": metric, "value": values[-1]}
            told.tell(now, at_once=epoch + 1 == rounds)
            return False

    return Watch()
