"""How good predictions are, on rows that the model has not learned from.

Classification: ``accuracy``, ``logloss`` (probabilities bounded to 1e-15), ``f1`` (of the second class when
there are two, else the mean over the classes), and with two classes ``auc``. Regression: ``rmse``, ``mae``,
``r2``.
"""

from __future__ import annotations

import numpy as np

HIGHER_IS_BETTER = {
    "accuracy": True,
    "logloss": False,
    "auc": True,
    "f1": True,
    "rmse": False,
    "mae": False,
    "r2": True,
}
"""The metrics there are, and whether more of it is better."""

DEFAULT = {"binary": "logloss", "multiclass": "logloss", "regression": "rmse"}
"""The metric that decides when none is named, by kind of target."""


def available(kind: str) -> list[str]:
    """The metrics of a kind of target: binary, multiclass or regression."""
    if kind == "regression":
        return ["rmse", "mae", "r2"]
    return ["accuracy", "logloss", "f1"] + (["auc"] if kind == "binary" else [])


def measure(kind: str, truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """All metrics; one that is not defined for these rows is left out. See :func:`score`."""
    every = {name: score(name, kind, truth, predicted) for name in available(kind)}
    return {name: value for name, value in every.items() if value is not None}


def score(metric: str, kind: str, truth: np.ndarray, predicted: np.ndarray) -> float | None:
    """One metric; None when it is not defined for these rows. ``truth`` has numbers or indexes of classes
    (-1: a class that the model does not know); ``predicted`` has numbers, or a row of probabilities per
    class."""
    predicted = predicted.astype(np.float64)
    if kind == "regression":
        return _of_numbers(metric, truth, predicted)
    classes = truth.astype(np.int64)
    if metric == "logloss":
        likely = predicted[np.arange(len(classes)), np.clip(classes, 0, None)]
        return float(-np.mean(np.log(np.clip(np.where(classes >= 0, likely, 0.0), 1e-15, 1.0))))
    if metric == "auc":
        return _auc(classes == 1, predicted[:, 1])
    chosen = predicted.argmax(axis=1)
    return (
        _f1(classes, chosen, binary=kind == "binary") if metric == "f1" else float(np.mean(chosen == classes))
    )


def worse_by(metric: str, new: float, old: float) -> float:
    """By what share of the old value the new one is worse; negative when it is better."""
    loss = old - new if HIGHER_IS_BETTER[metric] else new - old
    return loss / max(abs(old), 1e-12)


def _of_numbers(metric: str, truth: np.ndarray, predicted: np.ndarray) -> float | None:
    residual = truth - predicted
    if metric == "mae":
        return float(np.mean(np.abs(residual)))
    squares = float(np.sum(residual**2))
    if metric == "rmse":
        return float(np.sqrt(squares / len(residual)))
    spread = float(np.sum((truth - truth.mean()) ** 2))
    return 1.0 - squares / spread if spread > 0 else None


def _f1(truth: np.ndarray, chosen: np.ndarray, *, binary: bool) -> float:
    # As everywhere: classes that occur neither in truth nor in prediction do not count.
    classes = [1] if binary else np.union1d(truth, chosen)
    scores = []
    for each in classes:
        hits = np.sum((truth == each) & (chosen == each))
        total = np.sum(truth == each) + np.sum(chosen == each)
        scores.append(2 * hits / total if total else 0.0)
    return float(np.mean(scores))


def _auc(positive: np.ndarray, score: np.ndarray) -> float | None:
    """The chance that a positive row scores above a negative one; equal scores count half."""
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))
