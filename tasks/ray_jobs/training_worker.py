"""What runs in each training worker of Ray Train, and XGBoost's view of rows and predictions.

Writes into the shared scratch folder: ``model.ubj`` and ``round.json`` (the round that is done; rank 0
alone), and ``validation-<rank>.npz`` with the predictions for its share of the held-out rows.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

import numpy as np

import model_store
from features import Column, Filling, feature_types
from lovage_paths import DataFile
from prepared_data import TRAIN, VALIDATION, load_rows
from target import Target


def train_share(config: dict[str, Any]) -> None:
    """What each training worker runs: reads its share of the rows, and trains with the others."""
    import ray.train
    import xgboost

    context = ray.train.get_context()
    # Ray Train's local mode has no ranks.
    rank, size = context.get_world_rank() or 0, context.get_world_size() or 1
    columns = [Column.model_validate(c) for c in config["columns"]]
    target = Target.model_validate(config["target"])
    sides = np.load(os.path.join(config["work"], "sides.npy"), mmap_mode="r", allow_pickle=False)
    start, stop = len(sides) * rank // size, len(sides) * (rank + 1) // size
    files = [DataFile(**f) for f in config["files"]]
    shares, numbers = load_rows(files, config["rows"], columns, target, sides, start, stop)
    train, validation = (matrix_of(shares[side], columns) for side in (TRAIN, VALIDATION))
    watch = _Round(os.path.join(config["work"], "round.json"), config["rounds"]) if rank == 0 else None
    callbacks: list[Any] = [watch] if watch else []
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
    """An XGBoost matrix with names and types of the columns."""
    import xgboost

    return xgboost.DMatrix(
        rows.matrix,
        label=rows.labels,
        feature_names=[c.name for c in columns],
        feature_types=feature_types(columns),
        enable_categorical=True,
    )


def predict(booster: Any, matrix: Any, target: Target) -> np.ndarray:
    """Numbers, or a row of probabilities per class (two columns for two classes)."""
    values = booster.predict(matrix)
    return np.column_stack([1 - values, values]) if target.kind == "binary" else values


class _Round:
    """Rank 0 tells its round by a file: it costs no process, and the program sees it on every node."""

    def __new__(cls, path: str, rounds: int) -> Any:
        import xgboost

        class Watch(xgboost.callback.TrainingCallback):
            last = 0.0

            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                if time.monotonic() - self.last > 0.2 or epoch + 1 == rounds:
                    self.last = time.monotonic()
                    metric, values = next(iter(evals_log["validation"].items()))
                    with open(f"{path}.new", "w", encoding="utf-8") as handle:
                        json.dump({"round": epoch + 1, "metric": metric, "value": values[-1]}, handle)
                    os.replace(f"{path}.new", path)
                return False

        return Watch()
