"""Training programs end to end, compared with plain XGBoost and scikit-learn on the same rows."""

from __future__ import annotations

import csv
import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xgboost
from sklearn import metrics as reference

import distributed_training
from conftest import JobEnv, RunProgram
from lovage_job import BadInput, Job
from prepared_data import prepare
from training_spec import Spec


def write_flowers(path: Path, rows: int = 400) -> list[dict[str, str]]:
    """Mixed columns with gaps; the class follows from colour and size, with noise."""
    rng = np.random.default_rng(1)
    table = []
    for number in range(rows):
        colour = rng.choice(["red", "green", "blue, dark"])
        size, fresh = rng.random() * 10, bool(rng.random() < 0.5)
        sweet = (size > 5) ^ (colour == "red") ^ (rng.random() < 0.05)
        row = {
            "id": str(number),
            "colour": "" if rng.random() < 0.1 else str(colour),
            "size": "NA" if rng.random() < 0.1 else f"{size:.3f}",
            "fresh": str(fresh).lower(),
            "taste": "" if number % 50 == 7 else ("sweet" if sweet else "sour"),
        }
        table.append(row)
    with open(path, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return table


def flower_matrix(table: list[dict[str, str]]) -> xgboost.DMatrix:
    """The features, encoded by hand."""
    codes = {"blue, dark": 0, "green": 1, "red": 2}
    rows = [
        [
            codes.get(r["colour"], np.nan),
            np.nan if r["size"] == "NA" else float(r["size"]),
            float(r["fresh"] == "true"),
        ]
        for r in table
    ]
    return xgboost.DMatrix(
        np.array(rows, np.float32),
        feature_names=["colour", "size", "fresh"],
        feature_types=["c", "q", "q"],
        enable_categorical=True,
    )


FLOWERS = {"dataset": "flowers.csv", "target": "taste", "model": "flowers", "exclude": ["id"]}


def test_training_and_predictions(job_env: JobEnv, run_program: RunProgram) -> None:
    table = write_flowers(job_env.datasets / "flowers.csv")
    request = {**FLOWERS, "params": {"learning_rate": 0.2, "max_depth": 3}, "rounds": 30}
    done = run_program("distributed_training.py", request)
    assert done.exit_code == 0, done.log
    report = done.result
    assert (report["kind"], report["classes"], report["workers"]) == ("binary", ["sour", "sweet"], 1)
    assert report["rows"] == {"total": 400, "training": 314, "validation": 78, "withoutTarget": 8}
    assert any("round 30 of 30" in p["message"] for p in done.progress)

    folder = job_env.models / "flowers" / report["version"]
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", "model.ubj", "validation.parquet"]
    assert (folder.parent / "latest").read_text() == report["version"] + "\n"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["jobId"] == "job-1"
    assert manifest["data"]["fingerprint"] == report["fingerprint"]
    assert [c["type"] for c in manifest["columns"]] == ["category", "number", "boolean"]

    # The same rows, by hand, through XGBoost alone.
    held = pq.read_table(folder / "validation.parquet").to_pydict()
    out = set(held["row"])
    learned = [r for i, r in enumerate(table) if i not in out and r["taste"]]
    matrix = flower_matrix(learned)
    matrix.set_label([float(r["taste"] == "sweet") for r in learned])
    plain = xgboost.train(
        {"objective": "binary:logistic", "eta": 0.2, "max_depth": 3, "seed": 42}, matrix, 30
    )
    expected = plain.predict(flower_matrix([table[i] for i in held["row"]]))
    np.testing.assert_allclose(held["probability_sweet"], expected, atol=1e-5)
    truth = [table[i]["taste"] for i in held["row"]]
    assert held["truth"] == truth
    labels = [t == "sweet" for t in truth]
    assert report["metrics"] == pytest.approx(
        {
            "accuracy": reference.accuracy_score(labels, expected > 0.5),
            "logloss": reference.log_loss(labels, expected),
            "auc": reference.roc_auc_score(labels, expected),
            "f1": reference.f1_score(labels, expected > 0.5),
        },
        abs=1e-4,
    )
    assert report["metrics"]["accuracy"] > 0.8

    # Another attempt of the same job: the same version, at once, without the cluster.
    again = run_program("distributed_training.py", request, ray=False)
    assert (again.result["version"], again.result["reused"]) == (report["version"], True)
    assert len([p for p in folder.parent.iterdir() if p.is_dir()]) == 1

    check_predictions(job_env, run_program, table, folder)


def check_predictions(
    job_env: JobEnv, run_program: RunProgram, table: list[dict[str, str]], folder: Path
) -> None:
    booster = xgboost.Booster(model_file=str(folder / "model.ubj"))
    expected = booster.predict(flower_matrix(table))
    done = run_program(
        "batch_predictions.py", {"model": "flowers", "dataset": "flowers.csv", "output": "out/p.csv"}
    )
    assert done.exit_code == 0, done.log
    assert (done.result["rows"], done.result["files"], done.result["unseenCategories"]) == (400, 1, {})
    with open(job_env.datasets / "out" / "p.csv", encoding="utf-8", newline="") as handle:
        written = list(csv.DictReader(handle))
    assert [{n: r[n] for n in table[0]} for r in written] == table  # every row, in order, text as it was
    np.testing.assert_allclose([float(r["probability_sweet"]) for r in written], expected, rtol=1e-6)
    assert [r["prediction"] for r in written] == ["sweet" if p > 0.5 else "sour" for p in expected]

    # Parquet in and out, in several files, with a category the model has not seen and the target left out.
    (job_env.datasets / "new").mkdir()
    for part, rows in enumerate((table[:150], table[150:])):
        columns = {
            "size": pa.array([None if r["size"] == "NA" else float(r["size"]) for r in rows]),
            "colour": pa.array([r["colour"] or None for r in rows[:-1]] + ["violet"]).dictionary_encode(),
            "fresh": pa.array([r["fresh"] == "true" for r in rows]),
            "note": pa.array([[part]] * len(rows)),
        }
        pq.write_table(pa.table(columns), job_env.datasets / "new" / f"{part}.parquet")
    done = run_program("batch_predictions.py", {"model": "flowers", "dataset": "new", "output": "scored"})
    assert done.exit_code == 0, done.log
    assert (done.result["extraColumns"], done.result["unseenCategories"]) == (["note"], {"colour": 2})
    got = pq.read_table(job_env.datasets / "scored").to_pydict()
    changed = [{**r, "colour": "violet"} if i in (149, 399) else r for i, r in enumerate(table)]
    np.testing.assert_allclose(got["probability_sweet"], booster.predict(flower_matrix(changed)), rtol=1e-6)
    assert got["note"] == [[0]] * 150 + [[1]] * 250

    pq.write_table(
        pa.table({"Size": [1.0], "colour": ["red"], "fresh": [3]}), job_env.datasets / "bad.parquet"
    )
    done = run_program("batch_predictions.py", {"model": "flowers", "dataset": "bad.parquet"}, ray=False)
    assert done.exit_code == 64
    assert done.failure is not None
    assert done.failure["code"] == "INPUT_SCHEMA_MISMATCH"
    for said in ("missing: size", "fresh (learned as boolean, is integer)", "extra: Size"):
        assert said in done.failure["message"]


def test_two_workers_learn_as_one_would(job_env: JobEnv, run_program: RunProgram) -> None:
    rng = np.random.default_rng(5)
    rows, names = 24_000, [f"x{i}" for i in range(120)]
    matrix = rng.random((rows, 120), np.float32)
    matrix[rng.random(matrix.shape) < 0.02] = np.nan
    y = np.nan_to_num(matrix[:, 0]) * 5 + np.nan_to_num(matrix[:, 1]) ** 2 + rng.normal(0, 0.1, rows)
    (job_env.datasets / "big").mkdir()
    for part in range(3):
        place = slice(part * 8_000, (part + 1) * 8_000)
        columns = {n: matrix[place, i] for i, n in enumerate(names)}
        path = job_env.datasets / "big" / f"{part}.parquet"
        pq.write_table(pa.table({**columns, "y": y[place]}), path, row_group_size=3_000)
    request = {
        "dataset": "big/*.parquet",
        "target": "y",
        "model": "big",
        "rounds": 60,
        "params": {"eta": 0.5, "max_depth": 3},
    }
    done = run_program(
        "distributed_training.py", {**request, "earlyStoppingRounds": 3, "validationFraction": 0.25}
    )
    assert done.exit_code == 0, done.log
    report = done.result
    assert (report["kind"], report["objective"], report["workers"]) == ("regression", "reg:squarederror", 2)
    assert report["rows"] == {"total": rows, "training": 18_000, "validation": 6_000, "withoutTarget": 0}
    held = pq.read_table(Path(report["path"]) / "validation.parquet").to_pydict()
    np.testing.assert_array_equal(held["row"], np.sort(held["row"]))
    np.testing.assert_allclose(held["truth"], y[held["row"]])
    assert report["metrics"]["rmse"] == pytest.approx(
        reference.root_mean_squared_error(held["truth"], held["prediction"])
    )
    out = np.zeros(rows, bool)
    out[held["row"]] = True
    plain = xgboost.train(
        {"eta": 0.5, "max_depth": 3},
        xgboost.DMatrix(matrix[~out], label=y[~out]),
        60,
        evals=[(xgboost.DMatrix(matrix[out], label=y[out]), "v")],
        early_stopping_rounds=3,
        verbose_eval=False,
    )
    # Quantiles are merged from the workers' sketches, so that trees may differ in the last digits of a split.
    assert report["metrics"]["rmse"] == pytest.approx(plain.best_score, rel=0.05)
    booster = xgboost.Booster(model_file=str(Path(report["path"]) / "model.ubj"))
    assert booster.num_boosted_rounds() == report["rounds"] < 60
    np.testing.assert_allclose(
        booster.predict(xgboost.DMatrix(matrix[out], feature_names=names)), held["prediction"], rtol=1e-5
    )


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"dataset": "none.csv"}, "INPUT_DATASET_MISSING", "none.csv"),
        ({"dataset": "../flowers.csv"}, "INPUT_PATH_OUTSIDE", "flowers.csv"),
        ({"dataset": "http://x/y.csv"}, "INPUT_SCHEME_NOT_ALLOWED", "http"),
        ({"target": "tast"}, "INPUT_TARGET_MISSING", "id, colour, size, fresh, taste"),
        ({"dataset": "constant.csv", "target": "b", "exclude": []}, "INPUT_ONE_CLASS", "'x'"),
        ({"dataset": "few.csv", "target": "b", "exclude": []}, "INPUT_TOO_FEW_ROWS", "2 rows"),
        ({"params": {"max_dept": 3}}, "INPUT_PARAM_UNKNOWN", "max_depth"),
        ({"model": "../x"}, "INPUT_MODEL_NAME", "../x"),
        ({"objective": "regression"}, "INPUT_OBJECTIVE_MISMATCH", "taste"),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing(job_env: JobEnv, change: dict, code: str, said: str) -> None:
    write_flowers(job_env.datasets / "flowers.csv", 60)
    (job_env.datasets / "constant.csv").write_text("a,b\n1,x\n2,x\n")
    (job_env.datasets / "few.csv").write_text("a,b\n1,x\n2,y\n")
    with pytest.raises(BadInput) as caught:
        distributed_training.main(distributed_training.Request(**{**FLOWERS, **change}), job_env.job)
    assert caught.value.code == code
    assert said in caught.value.message
    assert list(job_env.models.iterdir()) == []


@pytest.fixture
def web(job_env: JobEnv) -> Iterator[str]:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(job_env.datasets))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_uri_of_an_allowed_scheme(job_env: JobEnv, web: str) -> None:
    write_flowers(job_env.datasets / "flowers.csv")
    job = Job({**job_env.environ, "LOVAGE_URI_SCHEMES": "http"})
    remote = prepare(job, Spec(dataset=f"{web}/flowers.csv", target="taste"), lambda *_: None)
    local = prepare(job, Spec(dataset="flowers.csv", target="taste"), lambda *_: None)
    assert remote.files[0].path.startswith("http://")
    assert remote.scan.fingerprint == local.scan.fingerprint
    np.testing.assert_array_equal(remote.sides, local.sides)
