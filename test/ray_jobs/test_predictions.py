"""Predictions for whole datasets, end to end, compared with the model's own file read by XGBoost alone."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xgboost
from sklearn.datasets import load_iris

from conftest import JobEnv, RunProgram


def booster_of(report: dict) -> xgboost.Booster:
    return xgboost.Booster(model_file=str(Path(report["path"]) / "model.ubj"))


def test_several_classes_under_odd_names(job_env: JobEnv, run_program: RunProgram) -> None:
    iris = load_iris()
    # Not in the order of the alphabet; and columns as pandas writes an index, and as XGBoost refuses them.
    kinds = np.array(["virginica", "setosa", "versicolor"])[iris.target]
    names = ["", "sepal length [cm]", "sepal<width", "petal length (cm)", "petal width (cm)"]
    with open(job_env.datasets / "iris.csv", "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow([*names, "kind"])
        rows = zip(iris.data, kinds, strict=True)
        writer.writerows([f"{n:04d}", *row, kind] for n, (row, kind) in enumerate(rows))
    request = {"dataset": "iris.csv", "target": "kind", "model": "iris", "rounds": 20, "exclude": ["column_1"]}
    done = run_program("distributed_training.py", request)
    assert done.exit_code == 0, done.log
    report = done.result
    classes = ["setosa", "versicolor", "virginica"]
    assert (report["kind"], report["classes"], report["ignored"]) == ("multiclass", classes, [])
    assert list(report["importance"])[0] in ("petal length (cm)", "petal width (cm)")
    assert set(report["importance"]) <= set(names)
    expected = booster_of(report).predict(
        xgboost.DMatrix(iris.data.astype(np.float32), feature_names=["f0", "f1", "f2", "f3"])
    )
    assert (expected.argmax(axis=1) == np.searchsorted(classes, kinds)).mean() > 0.95

    for output, read in (
        ("P.CSV", lambda path: list(csv.DictReader(path.open(encoding="utf-8", newline="")))),
        ("p.parquet", lambda path: pq.read_table(path).to_pylist()),
    ):
        done = run_program("batch_predictions.py", {"model": "iris", "dataset": "iris.csv", "output": output})
        assert done.exit_code == 0, done.log
        assert (done.result["files"], done.result["extraColumns"]) == (1, [])
        assert done.result["columns"][-4:] == ["prediction", *(f"probability_{c}" for c in classes)]
        rows = read(job_env.datasets / output)
        assert [r["column_1"] for r in rows] == [f"{n:04d}" for n in range(150)]
        got = np.array([[float(r[f"probability_{c}"]) for c in classes] for r in rows])
        np.testing.assert_allclose(got, expected, rtol=1e-5)
        assert [r["prediction"] for r in rows] == [classes[i] for i in expected.argmax(axis=1)]
        assert [r["kind"] for r in rows] == list(kinds)


def test_numbers_for_large_files_in_order(job_env: JobEnv, run_program: RunProgram) -> None:
    rng = np.random.default_rng(3)
    matrix = rng.random((2_000, 3))
    learned = pa.table({**{f"x{i}": matrix[:, i] for i in range(3)}, "y": matrix @ [1.0, 2.0, 3.0] + 0.001})
    pq.write_table(learned, job_env.datasets / "learned.pq")
    request = {"dataset": "learned.pq", "target": "y", "model": "sum", "rounds": 20}
    done = run_program("distributed_training.py", request)
    assert done.exit_code == 0, done.log
    assert done.result["kind"] == "regression"
    booster = booster_of(done.result)

    # Several row groups to a piece, several pieces to a file, and both suffixes.
    sizes, start, parts = (700_000, 5, 1_000), 0, []
    (job_env.datasets / "new").mkdir()
    for number, rows in enumerate(sizes):
        part = {"n": np.arange(start, start + rows), **{f"x{i}": rng.random(rows) for i in range(3)}}
        suffix = "pq" if number % 2 == 0 else "parquet"
        pq.write_table(pa.table(part), job_env.datasets / "new" / f"{number}.{suffix}", row_group_size=60_000)
        parts.append(np.column_stack([part[f"x{i}"] for i in range(3)]))
        start += rows
    (job_env.datasets / "raw").mkdir()
    (job_env.datasets / "raw" / "a.csv").write_text("a\n1\n")
    predictions = {"model": "sum", "dataset": "new", "output": "scored"}
    refused = run_program("batch_predictions.py", {**predictions, "output": "raw"}, ray=False)
    assert refused.failure is not None
    assert (refused.exit_code, refused.failure["code"]) == (64, "INPUT_OUTPUT_EXISTS")
    for output in ("new", "learned.pq/../new"):
        refused = run_program("batch_predictions.py", {**predictions, "output": output}, ray=False)
        assert refused.failure is not None
        assert refused.failure["code"] == "INPUT_OUTPUT_IS_INPUT"
    model = str(job_env.models / "sum")
    refused = run_program("batch_predictions.py", {**predictions, "output": model}, ray=False)
    assert refused.failure is not None
    assert refused.failure["code"] == "INPUT_OUTPUT_IS_MODEL"

    (job_env.datasets / "scored").mkdir()
    (job_env.datasets / "scored" / "part-00007.parquet").write_bytes(b"of before")
    done = run_program("batch_predictions.py", predictions)
    assert done.exit_code == 0, done.log
    assert [p.name for p in (job_env.datasets / "scored").iterdir()] == ["part-00000.parquet"]
    assert (done.result["rows"], done.result["files"], done.result["extraColumns"]) == (start, 1, ["n"])
    got = pq.read_table(job_env.datasets / "scored")
    np.testing.assert_array_equal(got.column("n").to_numpy(), np.arange(start))
    expected = booster.predict(
        xgboost.DMatrix(np.concatenate(parts).astype(np.float32), feature_names=["x0", "x1", "x2"])
    )
    np.testing.assert_allclose(got.column("prediction").to_numpy(), expected, rtol=1e-5)
