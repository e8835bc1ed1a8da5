"""Fits XGBoost to a prepared dataset by Ray Train."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import model_store
from features import xgboost_names
from lovage_job import JobError, find_job_error
from prepared_data import TRAIN, VALIDATION, Prepared
from ray_cluster import connect, cpus_for_workers, cpus_per_worker
from training_spec import Progress, Spec
from training_worker import train_share

CELLS_PER_WORKER = 2_000_000
"""Feature values that one more worker is worth."""


MOST_WORKERS = 16
"""Unless a request asks for more."""

_READING = 0.1


@dataclass(frozen=True)
class Fitted:
    """A trained model, and its predictions for the held-out rows (``row`` numbers them in the dataset)."""

    model: bytes
    rounds: int
    importance: dict[str, float]
    row: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    workers: int


def fit(prepared: Prepared, spec: Spec, work: str, progress: Progress, *, in_process: bool = False) -> Fitted:
    """Trains by Ray Train. ``work`` is an empty folder that all nodes see.

    With ``in_process`` a small dataset is trained inside this program (Ray Train's local mode), which saves
    the seconds that new processes take to start.
    """
    connect()
    import ray.train
    from ray.train.xgboost import XGBoostTrainer

    workers = _workers(prepared, spec.workers)
    local = in_process and workers == 1
    np.save(os.path.join(work, "sides.npy"), prepared.sides)
    config = {
        "work": work,
        "files": [dataclasses.asdict(f) for f in prepared.files],
        "rows": prepared.scan.rows,
        "columns": [c.model_dump() for c in prepared.columns],
        "target": prepared.target.model_dump(),
        "params": training_params(prepared, spec),
        "rounds": spec.rounds,
        "early_stopping_rounds": spec.early_stopping_rounds,
    }
    trainer = XGBoostTrainer(
        train_share,
        train_loop_config=config,
        scaling_config=ray.train.ScalingConfig(
            num_workers=0 if local else workers,
            resources_per_worker=None if local else {"CPU": cpus_per_worker()},
            # Each reads its own share of the rows: of all nodes' memory and disks, rather than of a few.
            placement_strategy="SPREAD",
        ),
        # Nodes must see each other's files there; Ray's default is a folder of each machine's own.
        run_config=ray.train.RunConfig(
            name="ray", storage_path=work, failure_config=ray.train.FailureConfig(max_failures=1)
        ),
    )
    progress(0.0, f"starting {workers} training worker{'s' if workers > 1 else ''}")
    with _followed(os.path.join(work, "round.json"), spec.rounds, progress):
        try:
            trainer.fit()
        except ray.train.TrainingFailedError as error:
            raise _training_error(error) from error
    return _collect(work, workers, prepared)


def training_params(prepared: Prepared, spec: Spec) -> dict[str, Any]:
    """Everything XGBoost is told, in its own names."""
    return {
        "tree_method": "hist",
        **prepared.params,
        **prepared.target.training_params(),
        "seed": spec.seed,
        "nthread": 1,
        "verbosity": 0,
    }


def reason_of(error: BaseException) -> str:
    """What an error says, on one line, without the stack of XGBoost's C++."""
    text = " ".join(str(error).split("Stack trace:")[0].split())
    return f"{type(error).__name__}: {text}"[:1000]


@contextlib.contextmanager
def _followed(path: str, rounds: int, progress: Progress) -> Iterator[None]:
    done = threading.Event()

    def follow() -> None:
        last, over = {}, False
        while not over:
            # Looked at once more at the end: the last round is told too.
            over = done.wait(0.2)
            with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as handle:
                now = json.load(handle)
                if now != last:
                    last = now
                    _tell(now, rounds, progress)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _tell(now: dict[str, Any], rounds: int, progress: Progress) -> None:
    if not now["round"]:
        progress(_READING * now["read"], "reading rows")
        return
    fraction = _READING + (1 - _READING) * now["round"] / rounds
    progress(fraction, f"round {now['round']} of {rounds}, {now['metric']} {now['value']:.5g}")


def _workers(prepared: Prepared, most: int | None) -> int:
    cells = prepared.count(TRAIN) * len(prepared.columns)
    wanted = -(-cells // CELLS_PER_WORKER)
    return max(1, min(wanted, most or MOST_WORKERS, cpus_for_workers()))


def _collect(work: str, workers: int, prepared: Prepared) -> Fitted:
    import xgboost

    parts = []
    for rank in range(workers):
        with np.load(os.path.join(work, f"validation-{rank:05d}.npz"), allow_pickle=False) as arrays:
            parts.append({name: arrays[name] for name in ("row", "truth", "predicted")})
    with open(os.path.join(work, model_store.MODEL_FILE), "rb") as handle:
        model = handle.read()
    booster = xgboost.Booster(model_file=bytearray(model))
    gains = booster.get_score(importance_type="total_gain")
    total = sum(gains.values()) or 1.0
    own = {x: c.name for x, c in zip(xgboost_names(prepared.columns), prepared.columns, strict=True)}
    row, truth, predicted = (np.concatenate([p[n] for p in parts]) for n in ("row", "truth", "predicted"))
    if len(row) != prepared.count(VALIDATION):
        raise JobError(
            "TRAINING_FAILED", f"{len(row)} held-out rows came back of {prepared.count(VALIDATION)}"
        )
    return Fitted(
        model,
        booster.num_boosted_rounds(),
        {own[name]: round(gain / total, 6) for name, gain in sorted(gains.items(), key=lambda i: -i[1])},
        row,
        truth,
        predicted,
        workers,
    )


def _training_error(error: Exception) -> JobError:
    failures = getattr(error, "worker_failures", {})
    for each in failures.values():
        inner = find_job_error(each)
        if inner is not None:
            return inner
    first = next(iter(failures.values()), getattr(error, "controller_failure", error))
    failure = JobError("TRAINING_FAILED", f"Ray Train failed: {reason_of(first)}")
    # XGBoost's own complaints (a value a parameter cannot have together with another) come again each time.
    failure.retry = type(first).__name__ != "XGBoostError"
    return failure
