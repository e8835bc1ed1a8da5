"""The search for parameters and the retraining of all models, end to end."""

from __future__ import annotations

import csv
import json
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.metrics import log_loss

import hyperparameter_search
from conftest import JobEnv, RunProgram
from held_out import folds
from lovage_job import BadInput
from prepared_data import prepare
from training_spec import Spec


def write_cancer(folder: Path) -> None:
    data = load_breast_cancer(as_frame=True).frame
    data["diagnosis"] = data.pop("target").map({0: "malignant", 1: "benign"})
    data.to_csv(folder / "cancer.csv", index=False)


def cross_validated(job_env: JobEnv, params: dict, rounds: int) -> float:
    """The mean logloss over the folds, by XGBoost and scikit-learn alone."""
    data = load_breast_cancer()
    malignant = 1 - data.target
    prepared = prepare(job_env.job, Spec(dataset="cancer.csv", target="diagnosis"), lambda *_: None)
    fold = folds(prepared.hashes, malignant, 3, 42)
    scores = []
    for each in range(3):
        learned, out = fold != each, fold == each
        booster = xgboost.train(
            {**params, "objective": "binary:logistic", "seed": 42},
            xgboost.DMatrix(data.data[learned], label=malignant[learned]),
            rounds,
        )
        scores.append(log_loss(malignant[out], booster.predict(xgboost.DMatrix(data.data[out]))))
    return float(np.mean(scores))


def test_a_grid_finds_the_best(job_env: JobEnv, run_program: RunProgram) -> None:
    write_cancer(job_env.datasets)
    request = {
        "dataset": "cancer.csv",
        "target": "diagnosis",
        "rounds": 40,
        # The last value is one that XGBoost refuses for this objective.
        "space": {"max_depth": [2, 4], "eta": [0.05, 0.3], "base_score": [0.5, 1.5]},
    }
    done = run_program("hyperparameter_search.py", request)
    assert done.exit_code == 0, done.log
    report = done.result
    assert (report["method"], report["metric"], report["trials"], report["failed"]) == (
        "grid",
        "logloss",
        8,
        4,
    )
    assert "base_score" in report["failures"][0]["error"]
    with open(report["trialsFile"], encoding="utf-8", newline="") as handle:
        trials = list(csv.DictReader(handle))
    assert [t["trial"] for t in trials] == [str(i) for i in range(1, 9)]
    assert {t["status"] for t in trials if t["base_score"] == "1.5"} == {"failed"}
    good = [t for t in trials if t["status"] == "completed"]
    assert report["bestScore"] == min(float(t["score"]) for t in good)
    for trial in good[:1] + [trials[report["bestTrial"] - 1]]:
        params = {"max_depth": int(trial["max_depth"]), "eta": float(trial["eta"]), "base_score": 0.5}
        assert float(trial["score"]) == pytest.approx(
            cross_validated(job_env, params, int(trial["rounds"])), rel=1e-4
        )
    assert ElementTree.parse(report["pictureFile"]).getroot().tag.endswith("svg")
    assert Path(report["pictureFile"]).parent == Path(report["trialsFile"]).parent
    assert any("trial 8 of 8" in p["message"] for p in done.progress)
    assert [p.name for p in job_env.models.iterdir()] == ["_searches"]  # no scratch is left


def test_asha_ends_poor_trials_early(job_env: JobEnv, run_program: RunProgram) -> None:
    load_iris(as_frame=True).frame.to_csv(job_env.datasets / "iris.csv", index=False)
    request = {
        "dataset": "iris.csv",
        "target": "target",
        "method": "asha",
        "trials": 8,
        "rounds": 100,
        "earlyStoppingRounds": None,
        "folds": 0,
        "metric": "accuracy",
        "space": {"eta": {"loguniform": [0.0001, 0.5]}, "max_depth": {"randint": [1, 5]}},
        "output": "trials.parquet",
        "picture": "png",
    }
    done = run_program("hyperparameter_search.py", {**request, "metric": "logloss"})
    assert done.exit_code == 0, done.log
    report = done.result
    trials = pq.read_table(job_env.datasets / "trials.parquet").to_pylist()
    assert report["stopped"] == sum(t["status"] == "stopped" for t in trials) > 0
    assert report["scoredBy"] == "held-out rows"
    assert report["bestScore"] == min(t["score"] for t in trials)
    assert set(report["bestParams"]) == {"eta", "max_depth"}
    assert (job_env.datasets / "trials.png").read_bytes().startswith(b"\x89PNG")


def test_a_search_where_all_trials_fail_is_a_failure(job_env: JobEnv, run_program: RunProgram) -> None:
    write_cancer(job_env.datasets)
    request = {
        "dataset": "cancer.csv",
        "target": "diagnosis",
        "space": {"base_score": [2.0, 3.0]},
        "rounds": 2,
    }
    done = run_program("hyperparameter_search.py", request)
    assert done.exit_code != 0
    assert done.failure is not None
    assert (done.failure["code"], done.failure["retry"]) == ("SEARCH_FAILED", False)
    assert "base_score" in done.failure["message"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"metric": "rmse"}, "INPUT_METRIC_MISMATCH"),
        ({"output": "trials.txt"}, "INPUT_FORMAT_UNKNOWN"),
        ({"output": "/etc/trials.csv"}, "INPUT_PATH_OUTSIDE"),
        ({"target": "y"}, "INPUT_TARGET_MISSING"),
    ],
)
def test_searches_that_are_refused(job_env: JobEnv, change: dict, code: str) -> None:
    write_cancer(job_env.datasets)
    request = {"dataset": "cancer.csv", "target": "diagnosis", "space": {"eta": [0.1]}, **change}
    with pytest.raises(BadInput) as caught:
        hyperparameter_search.main(hyperparameter_search.Request(**request), job_env.job)
    assert caught.value.code == code


def test_retraining_promotes_keeps_and_reports(job_env: JobEnv, run_program: RunProgram) -> None:
    write_cancer(job_env.datasets)
    trained = run_program(
        "distributed_training.py",
        {"dataset": "cancer.csv", "target": "diagnosis", "model": "same", "rounds": 30},
    ).result
    # "poor" will learn for one round only, "gone" has lost its dataset.
    for name in ("poor", "gone"):
        shutil.copytree(job_env.models / "same", job_env.models / name)
        path = job_env.models / name / trained["version"] / "manifest.json"
        manifest = json.loads(path.read_text())
        manifest["model"] = name
        if name == "poor":
            manifest["spec"]["rounds"] = 1
        else:
            manifest["spec"]["dataset"] = "gone.csv"
        path.write_text(json.dumps(manifest))

    request = {"keepVersions": 1, "tolerance": 0.05}
    done = run_program("retrain_models.py", request, environ={"LOVAGE_JOB_ID": "nightly-1"})
    assert done.exit_code == 0, done.log
    report = done.result
    assert (report["status"], report["promoted"], report["kept"], report["failed"]) == ("partial", 1, 1, 1)
    gone, poor, same = report["models"]
    assert (gone["model"], gone["status"], gone["code"]) == ("gone", "failed", "INPUT_DATASET_MISSING")

    assert (poor["status"], poor["metric"]) == ("kept", "logloss")
    assert poor["score"] > poor["previousScore"] == pytest.approx(trained["metrics"]["logloss"])
    assert (job_env.models / "poor" / "latest").read_text().strip() == trained["version"]
    assert (
        job_env.models / "poor" / trained["version"]
    ).is_dir()  # one version is to be kept, and this one is in use

    assert (same["status"], same["previous"], same["removed"]) == (
        "promoted",
        trained["version"],
        [trained["version"]],
    )
    # The same rows, spec and seed make the same model.
    assert same["score"] == pytest.approx(trained["metrics"]["logloss"])
    assert (job_env.models / "same" / "latest").read_text().strip() == same["version"]

    again = run_program("retrain_models.py", request, environ={"LOVAGE_JOB_ID": "nightly-1"}).result["models"]
    assert [m["version"] for m in again] == [None, poor["version"], same["version"]]

    # All failed: a report all the same; and what is not there is told by name.
    done = run_program("retrain_models.py", {"models": ["gone", "never"]}, ray=False)
    assert done.exit_code == 0
    assert done.result["status"] == "failed"
    assert [m["code"] for m in done.result["models"]] == ["INPUT_DATASET_MISSING", "INPUT_MODEL_MISSING"]


def test_retraining_without_models(run_program: RunProgram) -> None:
    assert run_program("retrain_models.py", {}, ray=False).result["status"] == "empty"
