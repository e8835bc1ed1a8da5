"""Values and columns that are easily taken for something else, and rows that occur again and again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xgboost

import batch_predictions
import dataset_stream
import hyperparameter_search
from conftest import JobEnv
from features import Column, xgboost_names
from held_out import distinct, held_out, row_hashes
from lovage_job import BadInput, JobError
from lovage_paths import DataFile
from prepared_data import LEFT_OUT, TRAIN, VALIDATION, Prepared, load_rows, prepare
from row_predictions import predict_rows
from search_trials import outcome_of
from tabular import column_names, read_batches, scan
from target import Target, find_target
from training_spec import Spec
from training_worker import named_matrix
from value_kinds import kind_of


def prepared(env: JobEnv, **spec: object) -> Prepared:
    return prepare(env.job, Spec(**{"dataset": "t.csv", "target": "y", **spec}), lambda *_: None)


def csv(env: JobEnv, text: str, name: str = "t.csv") -> DataFile:
    (env.datasets / name).write_text(text)
    return DataFile(str(env.datasets / name), len(text.encode()), "csv")


def parquet(env: JobEnv, columns: dict, name: str = "t.parquet", **options: object) -> DataFile:
    pq.write_table(pa.table(columns), env.datasets / name, **options)
    return DataFile(str(env.datasets / name), (env.datasets / name).stat().st_size, "parquet")


@pytest.mark.parametrize("seed", [42, 1, 2, 3])
def test_rows_that_repeat_are_held_out_in_proportion(job_env: JobEnv, seed: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 4, 2_000)
    y = (rng.random(2_000) < np.array([0.1, 0.3, 0.7, 0.9])[x]).astype(int)
    csv(job_env, "x,y\n" + "".join(f"{a},{b}\n" for a, b in zip(x, y, strict=True)))
    found = prepared(job_env, seed=seed)
    out = found.sides == VALIDATION
    assert out.sum() == 400
    for value in range(4):
        for label in range(2):
            copies = (x == value) & (y == label)
            assert out[copies].mean() == pytest.approx(0.2, abs=0.1)
    booster = xgboost.train(
        {"objective": "binary:logistic", "seed": 1}, xgboost.DMatrix(x[~out, None], label=y[~out]), 20
    )
    right = (booster.predict(xgboost.DMatrix(x[out, None])) > 0.5) == y[out]
    assert right.mean() == pytest.approx(0.8, abs=0.06)


def test_copies_are_told_apart_whatever_their_order() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 20, 500).astype(np.uint64)
    apart = distinct(hashes)
    assert len(np.unique(apart)) == 500
    order = rng.permutation(500)
    assert set(distinct(hashes[order])) == set(apart)
    more = distinct(np.concatenate([hashes, rng.integers(0, 20, 100).astype(np.uint64)]))
    np.testing.assert_array_equal(more[:500], apart)
    assert len(distinct(np.empty(0, np.uint64))) == 0
    out, grown = held_out(apart, None, 0.2, 7), held_out(more, None, 0.2, 7)[:500]
    assert (out != grown).sum() < 25


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["000123", "007"], "category"),
        (["12345678901234567890", "12345678901234567891"], "category"),
        (["9223372036854775807", "1"], "integer"),
        (["9223372036854775807", "1.5"], "number"),
        (["-01", "5"], "category"),
        (["0x1F"], "category"),
        (["0", "-0", "10"], "integer"),
        (["0.5", "0", "1e3"], "number"),
    ],
)
def test_what_would_change_as_a_number_is_none(texts: list[str], kind: str) -> None:
    assert kind_of(pa.array(texts), True) == kind


@pytest.mark.parametrize("values", [[0.0, 1.0, None] * 5, [0.0, 1.0, np.inf] * 5])
def test_whole_numbers_with_a_point_are_classes(values: list) -> None:
    found = find_target("y", "number", pa.chunked_array([pa.array(values)]), "auto")
    assert (found.kind, found.classes) == ("binary", [0.0, 1.0])
    codes = found.encode(pa.array(values, pa.float64()))
    np.testing.assert_array_equal(codes, [0, 1, np.nan] * 5)
    again = Target.model_validate_json(found.model_dump_json(by_alias=True))
    np.testing.assert_array_equal(again.encode(pa.array(["0.0", "1.0", None])), [0, 1, np.nan])
    three = find_target("y", "number", pa.chunked_array([pa.array([1.0, 2.0, 3.0] * 5)]), "auto")
    assert three.kind == "multiclass"
    many = find_target("y", "number", pa.chunked_array([pa.array([1.0, 2.0, 3.0])]), "auto")
    assert many.kind == "regression"


def test_an_infinite_target_is_a_missing_one(job_env: JobEnv) -> None:
    csv(job_env, "x,y\n" + "".join(f"{i},{i % 2 + 0.5}\n" for i in range(50)) + "5,inf\n" * 5)
    found = prepared(job_env, objective="classification")
    assert found.target.classes == [0.5, 1.5]
    assert found.count(LEFT_OUT) == 5
    shares, _ = load_rows(found.files, found.scan.rows, found.columns, found.target, found.sides)
    assert set(shares[TRAIN].labels) == set(shares[VALIDATION].labels) == {0, 1}


def test_a_target_of_names_cannot_be_held_out(job_env: JobEnv) -> None:
    csv(job_env, "x,y\n" + "".join(f"{i},n{i}\n" for i in range(50)))
    with pytest.raises(BadInput) as caught:
        prepared(job_env)
    assert (caught.value.code, caught.value.field) == ("INPUT_TOO_FEW_ROWS", "target")


def test_whole_numbers_that_are_larger_than_a_number_can_be(job_env: JobEnv) -> None:
    large = {
        "x": pa.array([2**63 + i * 2**20 for i in range(20)], pa.uint64()),
        "z": pa.array([2**60 + i for i in range(20)]),
        "y": [2**60 + i % 2 for i in range(20)],
    }
    parquet(job_env, large)
    found = prepared(job_env, dataset="t.parquet")
    assert {c.name: c.type for c in found.columns} == {"x": "number", "z": "integer"}
    shares, _ = load_rows(found.files, found.scan.rows, found.columns, found.target, found.sides)
    assert len(shares[TRAIN].labels) == 16
    regression = prepared(job_env, dataset="t.parquet", target="x")
    assert regression.target.kind == "regression"
    assert prepared(job_env, dataset="t.parquet", target="z").target.kind == "regression"
    # Small ones are the same row, whatever their type.
    one, other = (pa.record_batch({"a": pa.array([1, 2], t)}) for t in (pa.int64(), pa.uint64()))
    np.testing.assert_array_equal(row_hashes(one, ["integer"]), row_hashes(other, ["number"]))


def test_columns_without_a_name_have_one(job_env: JobEnv) -> None:
    file = csv(job_env, ", ,x,\n1,2,3,4\n5,6,7,8\n")
    assert column_names(file) == ["column_1", "column_2", "x", "column_4"]
    (batch,) = read_batches(file, ["column_4", "x", "column_1"])
    assert batch.to_pydict() == {"column_4": ["4", "8"], "x": ["3", "7"], "column_1": ["1", "5"]}
    assert scan([file]).kinds == {n: "integer" for n in ("column_1", "column_2", "x", "column_4")}
    with pytest.raises(BadInput) as caught:
        scan([csv(job_env, ",column_1\n1,2\n", "twice.csv")])
    assert caught.value.code == "INPUT_COLUMN_DUPLICATE"


def test_xgboost_knows_every_column_by_a_name_it_takes() -> None:
    plain = [Column(name=n, type="number") for n in ("a b", "ü=1", "f1")]
    assert xgboost_names(plain) == ["a b", "ü=1", "f1"]
    for odd in ("size [cm]", "a<b", "]", ""):
        columns = [*plain, Column(name=odd, type="number")]
        assert xgboost_names(columns) == ["f0", "f1", "f2", "f3"]
        assert named_matrix(np.zeros((2, 4)), None, columns).num_row() == 2


def test_what_is_no_feature_passes_through_letter_by_letter(job_env: JobEnv) -> None:
    text = "account,big,country,x,when,word,void\n"
    text += "000123,12345678901234567890, NA,1,2024-01-02,NA,\n007,1e3,DE,2.50,,red,\n"
    (raw,) = read_batches(csv(job_env, text), raw=True)
    columns = [
        Column(name="x", type="number"),
        Column(name="when", type="time"),
        Column(name="void", type="number"),
        Column(name="word", type="category", categories=["red"]),
    ]
    matrix = named_matrix(np.zeros((4, 4), np.float32), np.array([0.0, 1, 0, 1]), columns)
    model = bytes(xgboost.train({"objective": "reg:squarederror"}, matrix, 1).save_raw("ubj"))
    plan = {
        "sha256": hashlib.sha256(model).hexdigest(),
        "target": Target(name="y", type="number", kind="regression", objective="reg:squarederror").model_dump(),
        "columns": [c.model_dump() for c in columns],
        "kinds": scan([csv(job_env, text)]).kinds,
        "text": True,
        "names": ["prediction"],
        "as_lines": False,
    }
    out = predict_rows(pa.table(raw), plan, model)
    got = out.select(list(plan["kinds"])).to_pydict()
    assert got.pop("when")[1] is None
    assert got == {
        "account": ["000123", "007"],
        "big": ["12345678901234567890", "1e3"],
        "country": [" NA", "DE"],
        "x": [1.0, 2.5],
        "word": ["NA", "red"],
        "void": [None, None],
    }
    assert out.schema.field("void").type == pa.float64()
    lines = predict_rows(pa.table(raw), {**plan, "as_lines": True}, model)
    assert lines.column(0)[0].as_py().startswith('000123,12345678901234567890," NA",1,2024-01-02,NA,,')


def test_types_that_do_not_go_together_are_told(job_env: JobEnv) -> None:
    dictionary = pa.array(["u", "v"]).dictionary_encode()
    one = parquet(job_env, {"a": [1, 2], "i": pa.array([1, 2], pa.int32()), "t": dictionary}, "1.parquet")
    two = parquet(job_env, {"t": ["w"], "i": [2**40], "b": [[1]]}, "2.parquet")
    odd = parquet(job_env, {"a": ["x"]}, "3.parquet")
    schema = dataset_stream.schema_of([one, two], scan([one, two]))
    assert schema == pa.schema(
        {"a": pa.int64(), "i": pa.int64(), "t": pa.string(), "b": pa.list_(pa.int64())}
    )
    tables = [
        t
        for piece in dataset_stream.pieces_of([one, two], [2, 1])
        for t in dataset_stream._read(pa.Table.from_pylist([piece]), schema)
    ]
    assert pa.concat_tables(tables).to_pydict() == {
        "a": [1, 2, None],
        "i": [1, 2, 2**40],
        "t": ["u", "v", "w"],
        "b": [None, None, [1]],
    }
    with pytest.raises(BadInput) as caught:
        dataset_stream.schema_of([one, odd], scan([one, odd]))
    assert (caught.value.code, caught.value.value) == ("INPUT_SCHEMA_MISMATCH", "a")
    assert "int64, string" in caught.value.message


def test_pieces_cover_a_large_file_in_order(job_env: JobEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_stream, "PIECE_BYTES", 2_000)
    file = parquet(job_env, {"n": range(1_000)}, row_group_size=70)
    pieces = dataset_stream.pieces_of([file, csv(job_env, "n\n1\n")], [1_000, 1])
    assert len(pieces) > 3
    schema = pa.schema({"n": pa.int64()})
    rows = [
        n
        for piece in pieces[:-1]
        for table in dataset_stream._read(pa.Table.from_pylist([piece]), schema)
        for n in table.column("n").to_pylist()
    ]
    assert rows == list(range(1_000))
    assert (pieces[-1]["start"], pieces[-1]["rows"]) == (0, 1)


def test_reading_tells_how_far_it_is(job_env: JobEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csv_batches._BLOCK_BYTES", 10_000)
    monkeypatch.setattr("tabular._ROWS_AT_ONCE", 500)
    text = csv(job_env, "x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(20_000)))
    table = parquet(job_env, {"x": range(20_000), "y": [i % 2 for i in range(20_000)]})
    for file in (text, table):
        told: list[float] = []
        scan([file, file], told.append)
        assert told == sorted(told)
        assert len([t for t in told if 0.05 < t < 0.45]) > 5
        assert len([t for t in told if 0.55 < t < 0.95]) > 5
    messages: list[tuple[float, str]] = []
    prepare(job_env.job, Spec(dataset="t.csv", target="y"), lambda f, m: messages.append((f, m)))
    # One text for all of a phase: the job's log takes five of a second, but every new text.
    assert {m for _, m in messages} == {"reading 1 file", "reading columns"}
    assert [f for f, _ in messages] == sorted(f for f, _ in messages)
    found, shares = prepared(job_env), []
    load_rows(found.files, found.scan.rows, found.columns, found.target, found.sides, read=shares.append)
    assert len(shares) > 5
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_lost_processes_are_worth_another_search() -> None:
    from types import SimpleNamespace

    from ray.exceptions import ActorDiedError, OutOfMemoryError, RayTaskError

    def lost(error: BaseException | None) -> bool:
        result = SimpleNamespace(config={"number": 0}, metrics={}, error=error)
        trial = outcome_of([{"eta": 0.1}], result)
        assert trial["status"] == "failed"
        return trial["lost"]

    program = RayTaskError("run_trial", "Traceback", ValueError("no"))
    wrapped = RuntimeError("tune")
    wrapped.__cause__ = ActorDiedError()
    assert [lost(e) for e in (ActorDiedError(), OutOfMemoryError(""), MemoryError(), wrapped)] == [True] * 4
    assert [lost(e) for e in (program, ValueError("no"), None)] == [False] * 3


@pytest.mark.parametrize(("error", "retry"), [("lost", True), ("refused", False)])
def test_a_search_without_a_score_is_retried_for_lost_processes_only(
    job_env: JobEnv, monkeypatch: pytest.MonkeyPatch, error: str, retry: bool
) -> None:
    csv(job_env, "x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(50)))
    trial = {"trial": 1, "params": {}, "score": None, "rounds": None, "error": error, "lost": error == "lost"}
    monkeypatch.setattr(hyperparameter_search, "run_trials", lambda *_: ([trial], 50))
    request = hyperparameter_search.Request(dataset="t.csv", target="y", space={"eta": [0.1]})
    with pytest.raises(JobError) as caught:
        hyperparameter_search.main(request, job_env.job)
    assert (caught.value.code, caught.value.retry) == ("SEARCH_FAILED", retry)


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("t.csv", "INPUT_OUTPUT_IS_INPUT"),
        ("taken.csv", "INPUT_OUTPUT_EXISTS"),
        ("pictured.csv", "INPUT_OUTPUT_EXISTS"),
    ],
)
def test_trials_are_not_written_over_anything(job_env: JobEnv, output: str, code: str) -> None:
    text = "x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(50))
    csv(job_env, text)
    (job_env.datasets / "taken.csv").mkdir()
    (job_env.datasets / "pictured.svg").mkdir()
    request = hyperparameter_search.Request(dataset="t.csv", target="y", space={"eta": [0.1]}, output=output)
    with pytest.raises(BadInput) as caught:
        hyperparameter_search.main(request, job_env.job)
    assert caught.value.code == code
    assert (job_env.datasets / "t.csv").read_text() == text


def test_the_suffix_decides_in_any_case(job_env: JobEnv, tmp_path: Path) -> None:
    from search_trials import write_trials

    kinds = {"P.CSV": "csv", "P.Parquet": "parquet", "folder": "folder", "v1.2": "folder"}
    for output, kind in kinds.items():
        request = batch_predictions.Request(model="m", dataset="t.csv", output=output)
        assert batch_predictions._output(request, job_env.job) == (str(job_env.datasets / output), kind)
    trial = {"trial": 1, "status": "completed", "score": 1.0, "rounds": 1, "error": None, "params": {}}
    write_trials(str(tmp_path / "T.PARQUET"), [trial], [])
    assert pq.read_table(tmp_path / "T.PARQUET").num_rows == 1
