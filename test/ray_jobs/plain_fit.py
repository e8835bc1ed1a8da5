"""Trains as fitting.py does, but in this process and without a cluster: for tests of what is around it."""

from __future__ import annotations

from typing import Any

import pytest
import xgboost

import training
from fitting import Fitted, training_params
from features import xgboost_names
from prepared_data import TRAIN, VALIDATION, Prepared, load_rows
from training_spec import Spec
from training_worker import matrix_of, predict


def plain_fit(prepared: Prepared, spec: Spec, work: str, progress: Any, *, in_process: bool = False) -> Fitted:
    """In place of ``training.fit``."""
    shares, numbers = load_rows(
        prepared.files, prepared.scan.rows, prepared.columns, prepared.target, prepared.sides
    )
    train, validation = (matrix_of(shares[side], prepared.columns) for side in (TRAIN, VALIDATION))
    booster = xgboost.train(training_params(prepared, spec), train, spec.rounds)
    own = dict(zip(xgboost_names(prepared.columns), (c.name for c in prepared.columns), strict=True))
    return Fitted(
        bytes(booster.save_raw("ubj")),
        booster.num_boosted_rounds(),
        {own[n]: gain for n, gain in booster.get_score(importance_type="total_gain").items()},
        numbers[VALIDATION],
        shares[VALIDATION].labels,
        predict(booster, validation, prepared.target),
        1,
    )


@pytest.fixture
def without_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trains by :func:`plain_fit`, and prints no progress."""
    monkeypatch.setattr(training, "fit", plain_fit)
    monkeypatch.setattr("lovage_job.Job.progress", lambda *_, **__: None)
