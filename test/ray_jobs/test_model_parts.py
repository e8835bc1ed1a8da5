"""Metrics, parameters, search spaces and the store of models, without a cluster."""

from __future__ import annotations

import json
import os
import threading

import numpy as np
import pytest
from sklearn import metrics as reference

import model_store
from booster_params import clean_params
from conftest import JobEnv
from lovage_job import BadInput, JobError
from model_metrics import measure, worse_by
from search_space import Choice, LogUniform, RandInt, Uniform, trials_of


@pytest.mark.parametrize("classes", [2, 4])
def test_metrics_of_classes_agree_with_scikit_learn(classes: int) -> None:
    rng = np.random.default_rng(classes)
    truth = rng.integers(0, classes, 500)
    # Rounded, so that scores are tied.
    predicted = np.round(rng.dirichlet(np.ones(classes), 500) + 0.3 * np.eye(classes)[truth], 1) + 1e-3
    predicted /= predicted.sum(axis=1, keepdims=True)
    ours = measure("binary" if classes == 2 else "multiclass", truth.astype(float), predicted)
    chosen = predicted.argmax(axis=1)
    expected = {
        "accuracy": reference.accuracy_score(truth, chosen),
        "logloss": reference.log_loss(truth, predicted),
        "f1": reference.f1_score(truth, chosen, average="binary" if classes == 2 else "macro"),
    }
    if classes == 2:
        expected["auc"] = reference.roc_auc_score(truth, predicted[:, 1])
    assert ours == pytest.approx(expected, rel=1e-12)


def test_metrics_of_numbers_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random(200)
    predicted = truth + rng.normal(0, 0.1, 200)
    assert measure("regression", truth, predicted) == pytest.approx(
        {
            "rmse": reference.root_mean_squared_error(truth, predicted),
            "mae": reference.mean_absolute_error(truth, predicted),
            "r2": reference.r2_score(truth, predicted),
        }
    )


def test_a_class_the_model_does_not_know_counts_as_wrong() -> None:
    ours = measure("binary", np.array([0, 1, -1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.99, 0.01]]))
    assert ours["accuracy"] == pytest.approx(2 / 3)
    assert ours["logloss"] == pytest.approx(-(np.log(0.9) + np.log(0.8) + np.log(1e-15)) / 3)


def test_worse_has_a_direction() -> None:
    assert worse_by("logloss", 0.11, 0.10) == pytest.approx(0.1)
    assert worse_by("accuracy", 0.99, 0.90) == pytest.approx(-0.1)
    assert worse_by("accuracy", 0.81, 0.90) == pytest.approx(0.1)
    assert worse_by("r2", -0.2, -0.1) == pytest.approx(1.0)


def test_params_are_cleaned() -> None:
    given = {"learning_rate": 1, "max_depth": 4.0, "reg_lambda": 2, "tree_method": "approx"}
    assert clean_params(given) == {"eta": 1.0, "max_depth": 4, "lambda": 2.0, "tree_method": "approx"}


@pytest.mark.parametrize(
    ("params", "code", "said"),
    [
        ({"max_dept": 3}, "INPUT_PARAM_UNKNOWN", "max_depth"),
        ({"objective": "binary:logistic"}, "INPUT_PARAM_UNKNOWN", "the field objective"),
        ({"nthread": 64}, "INPUT_PARAM_UNKNOWN", "nthread"),
        ({"plugin": "x"}, "INPUT_PARAM_UNKNOWN", "plugin"),
        ({"eta": 0}, "INPUT_PARAM_INVALID", "eta"),
        ({"eta": "0.1"}, "INPUT_PARAM_INVALID", "eta"),
        ({"max_depth": True}, "INPUT_PARAM_INVALID", "max_depth"),
        ({"max_depth": 2.5}, "INPUT_PARAM_INVALID", "whole"),
        ({"subsample": 1.2}, "INPUT_PARAM_INVALID", "subsample"),
        ({"gamma": float("nan")}, "INPUT_PARAM_INVALID", "gamma"),
        ({"tree_method": "exact"}, "INPUT_PARAM_INVALID", "hist"),
        ({"eta": 0.1, "learning_rate": 0.2}, "INPUT_PARAM_INVALID", "twice"),
    ],
)
def test_params_that_are_refused(params: dict, code: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        clean_params(params)
    assert caught.value.code == code
    assert said in caught.value.message


def test_a_grid_has_every_point_once() -> None:
    space = {"max_depth": [2, 3], "eta": Choice(choice=[0.1, 0.2, 0.3]), "alpha": 1}
    points = trials_of(space, {"subsample": 0.5}, "auto", 2, 1)
    assert len(points) == 6
    assert {(p["max_depth"], p["eta"]) for p in points} == {(d, e) for d in (2, 3) for e in (0.1, 0.2, 0.3)}
    assert all(p["subsample"] == 0.5 and p["alpha"] == 1.0 for p in points)


def test_random_points_follow_the_seed_and_lie_within() -> None:
    space = {
        "max_depth": RandInt(randint=[2, 4]),
        "eta": LogUniform(loguniform=[0.001, 0.5]),
        "subsample": Uniform(uniform=[0.5, 1]),
        "booster": ["gbtree", "dart"],
    }
    points = trials_of(space, {}, "random", 300, 9)
    assert points == trials_of(space, {}, "random", 300, 9)
    assert points != trials_of(space, {}, "random", 300, 10)
    assert len(points) == 300
    assert {p["max_depth"] for p in points} == {2, 3, 4}
    assert all(0.5 <= p["subsample"] <= 1 and 0.001 <= p["eta"] <= 0.5 for p in points)
    below = sum(p["eta"] < 0.0224 for p in points)
    assert 110 < below < 190  # half of them, for it is the middle of the orders of magnitude


@pytest.mark.parametrize(
    ("space", "method", "code"),
    [
        ({"max_depth": list(range(50)), "max_bin": list(range(2, 50))}, "auto", "INPUT_GRID_TOO_LARGE"),
        ({"eta": Uniform(uniform=[0.1, 0.2])}, "grid", "INPUT_SPACE_INVALID"),
        ({"eta": Uniform(uniform=[0.2, 0.1])}, "auto", "INPUT_SPACE_INVALID"),
        ({"gamma": LogUniform(loguniform=[0, 1])}, "auto", "INPUT_SPACE_INVALID"),
        ({"max_depth": RandInt(randint=[1.5, 4])}, "auto", "INPUT_SPACE_INVALID"),
        ({"eta": [0.1, 0.1]}, "auto", "INPUT_SPACE_INVALID"),
        ({"eta": [0.1], "learning_rate": [0.2]}, "auto", "INPUT_SPACE_INVALID"),
        ({"eta": Uniform(uniform=[0.5, 1.5])}, "auto", "INPUT_PARAM_INVALID"),
        ({"etta": [0.1]}, "auto", "INPUT_PARAM_UNKNOWN"),
    ],
)
def test_spaces_that_are_refused(space: dict, method: str, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        trials_of(space, {}, method, 10, 1)  # type: ignore[arg-type]
    assert caught.value.code == code


def add_version(folder: str, name: str) -> None:
    os.makedirs(f"{folder}/{name}")
    with open(f"{folder}/{name}/{model_store.MANIFEST_FILE}", "w", encoding="utf-8") as handle:
        json.dump({}, handle)


NAMES = [f"2026010{day}T000000Z-{day:010x}" for day in range(1, 6)]


def test_versions_latest_and_pruning(job_env: JobEnv) -> None:
    folder = str(job_env.models / "m")
    for name in NAMES:
        add_version(folder, name)
    os.mkdir(f"{folder}/20260109T000000Z-{9:010x}")  # without a manifest: never completed
    assert model_store.versions(folder) == NAMES
    assert model_store.latest(folder) is None
    model_store.set_latest(folder, NAMES[0])
    assert model_store.latest(folder) == NAMES[0]
    assert model_store.prune(folder, 2, NAMES[-1]) == NAMES[1:3]
    assert model_store.versions(folder) == [NAMES[0], *NAMES[3:]]
    assert model_store.models(job_env.job) == ["m"]
    # What somebody else has made since is not old, however few are to be kept.
    assert model_store.prune(folder, 1, NAMES[2]) == []
    assert model_store.versions(folder) == [NAMES[0], *NAMES[3:]]


def test_missing_models_and_versions_are_told(job_env: JobEnv) -> None:
    add_version(str(job_env.models / "m"), NAMES[0])
    for model, version, code, said in [
        ("other", None, "INPUT_MODEL_MISSING", "there are: m"),
        ("m", "1", "INPUT_VERSION_MISSING", NAMES[0]),
        ("m", None, "INPUT_VERSION_MISSING", "no version of 'm' is set as latest"),
        ("../m", None, "INPUT_MODEL_NAME", "../m"),
    ]:
        with pytest.raises(BadInput) as caught:
            model_store.resolve(job_env.job, model, version)
        assert caught.value.code == code
        assert said in caught.value.message
    with pytest.raises(JobError) as broken:
        model_store.read_manifest(str(job_env.models / "m"), NAMES[0])
    assert broken.value.code == "MODEL_BROKEN"


def test_attempts_of_one_job_claim_one_version(job_env: JobEnv) -> None:
    folder = str(job_env.models / "m")
    os.mkdir(folder)
    claimed: list[str] = []
    start = threading.Barrier(8)

    def attempt() -> None:
        start.wait()
        claimed.append(model_store.claim(folder, job_env.job, "request"))

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(claimed)) == 1
    assert len(os.listdir(folder)) == 1  # the claim, and nothing half-made
    assert model_store.claim(folder, job_env.job, "another") not in claimed


def test_the_second_to_publish_leaves_the_first(job_env: JobEnv) -> None:
    folder = str(job_env.models / "m")
    for number in ("one", "two"):
        add_version(f"{folder}/{number}", "v")
        (job_env.models / "m" / number / "v" / "who").write_text(number)
    assert model_store.publish(f"{folder}/one/v", folder, NAMES[0])
    assert not model_store.publish(f"{folder}/two/v", folder, NAMES[0])
    assert (job_env.models / "m" / NAMES[0] / "who").read_text() == "one"


def test_scratch_leaves_nothing(job_env: JobEnv) -> None:
    folder = str(job_env.models / "m")
    with pytest.raises(RuntimeError), model_store.scratch(folder) as path:
        (job_env.models / "m" / os.path.basename(path) / "x").write_text("x")
        raise RuntimeError
    assert os.listdir(job_env.models) == []
