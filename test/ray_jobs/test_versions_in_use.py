"""Which version of a model is in use, when several programs change it, die, or find other data."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import distributed_training
import model_lock
import model_store
import retrain_models
from conftest import PROGRAMS, JobEnv
from distributed_training import Report, Request
from lovage_job import Job, JobError
from plain_fit import without_cluster  # noqa: F401 - a fixture
from retrain_models import Outcome

pytestmark = pytest.mark.usefixtures("without_cluster")


def job(env: JobEnv, name: str) -> Job:
    return Job({**env.environ, "LOVAGE_JOB_ID": name, "LOVAGE_SUBMISSION_ID": name})


def write(env: JobEnv, more: str = "", *, rows: int = 1_000, noise: float = 0.4) -> None:
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, rows))
    y = np.where(x + z + noise * rng.normal(size=rows) > 0, "yes", "no")
    lines = [f"{a:.4f},{b:.4f},{c}\n" for a, b, c in zip(x, z, y, strict=True)]
    (env.datasets / "t.csv").write_text("x,z,y\n" + "".join(lines) + more)


def train(env: JobEnv, name: str, **more: object) -> Report:
    request = {"dataset": "t.csv", "target": "y", "model": "m", "rounds": 3, **more}
    return distributed_training.main(Request(**request), job(env, name))


def retrain(env: JobEnv, name: str = "nightly", **more: object) -> Outcome:
    return retrain_models.main(retrain_models.Request(**more), job(env, name)).models[0]


def versions(env: JobEnv) -> list[str]:
    return model_store.versions(str(env.models / "m"))


def in_use(env: JobEnv) -> str | None:
    return model_store.latest(str(env.models / "m"))


def next_second() -> None:
    """Versions are named by the second."""
    began = int(time.time())
    while int(time.time()) == began:
        time.sleep(0.01)


def before_training(monkeypatch: pytest.MonkeyPatch, what: Callable[[], None]) -> None:
    real = retrain_models.train

    def train_later(*given: object, **named: object) -> object:
        monkeypatch.setattr(retrain_models, "train", real)
        what()
        return real(*given, **named)

    monkeypatch.setattr(retrain_models, "train", train_later)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("oops,1,yes\n", "column x was number and is category"),
        ("1,1,maybe\n" * 3, "target y has got maybe"),
    ],
)
def test_nothing_is_promoted_uncompared(job_env: JobEnv, more: str, said: str) -> None:
    write(job_env)
    first = train(job_env, "first")
    write(job_env, more)
    outcome = retrain(job_env)
    assert (outcome.status, outcome.code) == ("failed", "RETRAINING_INCOMPARABLE")
    assert said in outcome.reason
    assert versions(job_env) == [first.version] == [in_use(job_env)]  # not even trained
    # The way out that the error names.
    next_second()
    train(job_env, "second")
    assert retrain(job_env).status == "promoted"


def test_a_version_that_cannot_be_measured_stays_in_use(
    job_env: JobEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(job_env)
    first = train(job_env, "first")
    before_training(monkeypatch, lambda: pytest.fail("trained for nothing"))

    def unreadable(*_: object, **__: object) -> None:
        raise JobError("DATASET_CHANGED", "a value does not fit")

    monkeypatch.setattr("model_comparison.load_rows", unreadable)
    outcome = retrain(job_env)
    assert (outcome.status, outcome.code) == ("failed", "RETRAINING_INCOMPARABLE")
    assert in_use(job_env) == first.version


def test_numbers_that_got_a_decimal_place_are_compared(job_env: JobEnv) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 1_000, 300)
    for step in (1, 0.5):
        lines = "".join(f"{a * step},{3 * a * step}\n" for a in x)
        (job_env.datasets / "t.csv").write_text("x,y\n" + lines)
        if step == 1:
            train(job_env, "first")
    outcome = retrain(job_env, tolerance=1)
    assert (outcome.status, outcome.metric) == ("promoted", "rmse")


def test_without_a_version_in_use_the_newest_is_the_measure(job_env: JobEnv) -> None:
    write(job_env)
    newest = train(job_env, "first", setLatest=False, rounds=40, params={"eta": 0.2})
    manifest = job_env.models / "m" / newest.version / "manifest.json"
    text = json.loads(manifest.read_text())
    text["spec"]["rounds"] = 1
    manifest.write_text(json.dumps(text))
    next_second()
    outcome = retrain(job_env)
    assert (outcome.status, outcome.previous) == ("kept", None)
    assert "none was in use" in outcome.reason
    assert in_use(job_env) is None


def test_a_version_put_in_use_meanwhile_is_what_counts(
    job_env: JobEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(job_env)
    train(job_env, "first", rounds=2)
    people: list[Report] = []

    def somebody() -> None:
        next_second()
        people.append(train(job_env, "person", rounds=40, params={"eta": 0.2}))
        next_second()

    before_training(monkeypatch, somebody)
    outcome = retrain(job_env, keep_versions=1)
    assert outcome.status == "kept"
    assert people[0].version in outcome.reason
    assert outcome.score > outcome.previous_score
    assert in_use(job_env) == people[0].version
    assert outcome.previous == people[0].version
    assert people[0].version in versions(job_env)


def test_one_of_another_shape_put_in_use_meanwhile_stays(
    job_env: JobEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(job_env)
    train(job_env, "first")

    def somebody() -> None:
        next_second()
        train(job_env, "person", target="x", objective="regression", exclude=["y"])

    before_training(monkeypatch, somebody)
    outcome = retrain(job_env, keep_versions=1)
    assert outcome.status == "kept"
    assert "the target was x and is y" in outcome.reason


def test_pruning_waits_for_a_version_to_be_put_in_use(
    job_env: JobEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(job_env)
    train(job_env, "first")
    real, outcomes = model_store.advance, []
    other = threading.Thread(target=lambda: outcomes.append(retrain(job_env, keep_versions=1)))

    def slowly(folder: str, version: str) -> None:
        monkeypatch.setattr(model_store, "advance", real)
        other.start()
        other.join(1.0)  # it must wait for this one
        assert not outcomes
        real(folder, version)

    next_second()
    monkeypatch.setattr(model_store, "advance", slowly)
    report = train(job_env, "second", rounds=5)
    other.join()
    assert report.latest
    used = in_use(job_env)
    assert (job_env.models / "m" / "latest").read_text().strip() == used
    assert used in versions(job_env)
    assert report.version in [used, outcomes[0].previous]


def test_many_at_once_leave_a_whole_model(job_env: JobEnv) -> None:
    write(job_env, rows=200)
    train(job_env, "first", rounds=1)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for round_ in range(3):
                if number % 2:
                    train(job_env, f"train-{number}-{round_}", rounds=1 + number)
                else:
                    retrain(job_env, f"retrain-{number}-{round_}", keep_versions=1, tolerance=1)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failures
    assert in_use(job_env) == (job_env.models / "m" / "latest").read_text().strip()


KILLED = """
import os, sys
sys.path[:0] = [{programs!r}, {tests!r}]
import plain_fit, training, model_store, lovage_job, distributed_training
training.fit = plain_fit.plain_fit
model_store.advance = lambda *_: os.kill(os.getpid(), {signal})
request = distributed_training.Request(dataset="t.csv", target="y", model="m", rounds=5)
distributed_training.main(request, lovage_job.Job())
"""


def test_a_kill_between_publishing_and_using(job_env: JobEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    write(job_env)
    first = train(job_env, "first")
    next_second()
    script = KILLED.format(
        programs=str(PROGRAMS), tests=str(Path(__file__).parent), signal=int(signal.SIGKILL)
    )
    environ = {**os.environ, **job_env.environ, "LOVAGE_JOB_ID": "killed", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=environ, stdout=subprocess.PIPE, check=False)
    assert done.returncode == -signal.SIGKILL
    assert in_use(job_env) == first.version
    assert len(versions(job_env)) == 2

    monkeypatch.setattr(model_lock, "STALE_SECONDS", 0.5)
    again = train(job_env, "killed", rounds=5)
    assert (again.reused, again.latest) == (True, True)
    assert versions(job_env) == [first.version, again.version]


def test_a_job_id_used_again_makes_what_is_asked(job_env: JobEnv) -> None:
    write(job_env)
    first = train(job_env, "1")
    assert (train(job_env, "1").version, train(job_env, "1").reused) == (first.version, True)
    next_second()
    second = train(job_env, "1", rounds=4)
    assert (second.reused, second.rounds) == (False, 4)
    assert in_use(job_env) == second.version != first.version
    third = train(job_env, "1", rounds=4, model="other")
    assert (third.reused, third.model) == (False, "other")

    nightly = retrain(job_env, "2")
    assert retrain(job_env, "2").version == nightly.version
    write(job_env, rows=1_100)
    assert retrain(job_env, "2").version != nightly.version


def test_what_is_stored_trains_again_on_data_that_changed_around_it(job_env: JobEnv) -> None:
    # As pandas writes it, with an index; and with a column that was left out and is gone later.
    rows = [f"{i},n{i},{i * 2},{i % 7},{i % 2}\n" for i in range(100)]
    (job_env.datasets / "t.csv").write_text(",id,x,code,y\n" + "".join(rows))
    report = train(job_env, "first", exclude=["id"], categorical=["code", "id"])
    manifest = model_store.read_manifest(str(job_env.models / "m"), report.version)
    assert [c.name for c in manifest.columns] == ["column_1", "x", "code"]
    assert (manifest.spec["exclude"], manifest.spec["categorical"]) == ([], ["code"])
    assert manifest.excluded == ["id"]
    gone = [",".join(r.split(",")[:1] + r.split(",")[2:]) for r in rows]
    (job_env.datasets / "t.csv").write_text(",x,code,y\n" + "".join(gone))
    next_second()
    outcome = retrain(job_env)
    assert outcome.status == "promoted"
    assert model_store.read_manifest(str(job_env.models / "m"), outcome.version).excluded == ["id"]
    # One that an older release stored.
    path = job_env.models / "m" / outcome.version / "manifest.json"
    old = json.loads(path.read_text())
    old["spec"]["exclude"] = old.pop("excluded")
    path.write_text(json.dumps(old))
    assert retrain(job_env, "again").status == "promoted"


def test_names_that_xgboost_refuses(job_env: JobEnv) -> None:
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 300))
    lines = [f"{a:.4f},{b:.4f},{int(b > 0)}\n" for a, b in zip(x, z, strict=True)]
    (job_env.datasets / "t.csv").write_text("size [cm],a<b,y\n" + "".join(lines))
    report = train(job_env, "first", rounds=5)
    assert max(report.importance, key=report.importance.__getitem__) == "a<b"
    assert set(report.importance) <= {"size [cm]", "a<b"}
    assert retrain(job_env).status == "promoted"


def test_a_version_that_is_removed_while_it_is_opened(job_env: JobEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    write(job_env)
    first = train(job_env, "first")
    next_second()
    second = train(job_env, "second", setLatest=False)
    real, folder = model_store.load, str(job_env.models / "m")

    def just_removed(*given: object) -> object:
        monkeypatch.setattr(model_store, "load", real)
        model_store.set_latest(folder, second.version)
        assert model_store.prune(folder, 1, second.version) == [first.version]
        return real(*given)

    monkeypatch.setattr(model_store, "load", just_removed)
    _, manifest, _ = model_store.opened(job_env.job, "m")
    assert manifest.version == second.version
    with pytest.raises(JobError) as caught:
        model_store.opened(job_env.job, "m", first.version)
    assert caught.value.code == "INPUT_VERSION_MISSING"
