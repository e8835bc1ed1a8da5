"""Aggregates over unlike sources, compared with pandas and with values worked out by hand."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import aggregate_data
import csv_samples
import csv_source
import lovage_job
import numpy
import pandas
import pyarrow
import pyarrow.parquet
import pytest
import sandboxed_sql
import source_tables
from conftest import PROGRAMS, JobEnv, RunProgram
from csv_grammar import Dialect

FUNCTIONS = ("sum", "mean", "min", "max", "count", "std")


def test_two_million_rows_agree_with_pandas(job_env: JobEnv, run_program: RunProgram) -> None:
    rng = numpy.random.default_rng(3)
    count = 700_000
    regions = numpy.array(["north", "south", "Ост", "a,b", None], dtype=object)

    def frame(rows: int) -> pandas.DataFrame:
        made = pandas.DataFrame(
            {
                "region": regions[rng.integers(0, 5, rows)],
                "store": rng.integers(0, 40, rows),
                # A large offset: sums of squares would lose the deviation.
                "price": 1e8 + rng.normal(0, 3, rows).round(4),
                "units": rng.integers(-5, 1000, rows),
            }
        )
        made.loc[rng.random(rows) < 0.1, "price"] = numpy.nan
        return made

    one, two, three = frame(count), frame(count), frame(600_000)
    folder = job_env.datasets / "sales"
    folder.mkdir()
    one.to_csv(folder / "one.csv", index=False)
    two["store"] = two["store"].astype(float)
    two.drop(columns="units").to_parquet(folder / "two.parquet", row_group_size=100_000)
    three[["units", "price", "store"]].to_csv(job_env.datasets / "three.csv", index=False)
    aggregations = [{"column": c, "function": f} for c in ("price", "units") for f in FUNCTIONS]
    aggregations += [
        {"column": "price", "function": "quantile", "q": [0, 0.25, 0.5, 0.999]},
        {"column": "units", "function": "quantile", "q": 0.9, "as": "busy"},
        {"function": "count", "as": "rows"},
    ]
    outcome = run_program(
        "aggregate_data.py",
        {
            "sources": ["sales/*.csv", "sales/two.parquet", "three.csv"],
            "groupBy": ["region", "store"],
            "aggregations": aggregations,
            "output": "out/by_store.parquet",
        },
    )
    assert outcome.exit_code == 0, outcome.log[-3000:]
    report = outcome.result
    print(f"{outcome.seconds:.1f} s, {report['seconds']} s inside")

    # The float store ids of one source make them numbers in all.
    everything = pandas.concat([one, two.drop(columns="units"), three.drop(columns="region")])
    everything["store"] = everything["store"].astype(float)
    groups = everything.groupby(["region", "store"], dropna=False, sort=False)
    expected = pandas.DataFrame({f"{c}_{f}": groups[c].agg(f) for c in ("price", "units") for f in FUNCTIONS})
    # pandas' own deviation of such large values is right to 8 digits only; without the offset it is exact.
    groups_without = everything.assign(price=everything["price"] - 1e8).groupby(
        ["region", "store"], dropna=False, sort=False
    )
    expected["price_std"] = groups_without["price"].std()
    empty = groups["units"].count() == 0
    expected.loc[empty, "units_sum"] = numpy.nan  # pandas sums nothing to 0, SQL to NULL
    for q, name in ((0, "p0"), (0.25, "p25"), (0.5, "p50"), (0.999, "p99.9")):
        expected[f"price_{name}"] = groups["price"].quantile(q)
    expected["busy"] = groups["units"].quantile(0.9)
    expected["rows"] = groups.size()
    expected = expected.reset_index()
    expected["text"] = [r.encode() if isinstance(r, str) else b"\xff" for r in expected["region"]]
    expected = expected.sort_values(["text", "store"]).drop(columns="text").reset_index(drop=True)

    written = pandas.read_parquet(report["output"])
    assert list(written.columns) == list(expected.columns)
    for name in expected.columns:
        if name == "region":
            assert list(written[name].fillna("-")) == list(expected[name].fillna("-"))
            continue
        numpy.testing.assert_allclose(
            written[name].to_numpy(float), expected[name].to_numpy(float), rtol=1e-9, err_msg=name
        )
    assert report["groups"] == len(expected) == 200
    told = [each["fraction"] for each in outcome.progress]
    assert told == sorted(told) and report["report"] is None
    assert [s["rowsRead"] for s in report["sources"]] == [700_000, 700_000, 600_000]
    assert report["rowsRead"] == 2_000_000 and report["rowsRejected"] == 0
    assert len(report["preview"]) == 20 and report["preview"][0]["region"] == "a,b"
    assert [p for p in os.listdir(job_env.datasets / "out") if p.startswith(".")] == []


def test_small_data_by_hand(job_env: JobEnv, run_program: RunProgram) -> None:
    data = job_env.datasets
    (data / "a.csv").write_text(
        "k,x,d,big,flag\na,1,2024-01-02,9000000000000000000,true\nb,,2024-01-01,1,false\n"
    )
    (data / "b.csv").write_text("k,x,extra,big\na,2.5,z,9000000000000000000\n,4,z,\na,inf,,5\n")
    (data / "header.csv").write_text("k,x\n")
    request = {
        "sources": ["a.csv", "b.csv", "header.csv"],
        "groupBy": ["k"],
        "aggregations": [
            {"column": "x", "function": "sum"},
            {"column": "x", "function": "std"},
            {"column": "d", "function": "max"},
            {"column": "k", "function": "min", "as": "first"},
            {"column": "big", "function": "sum"},
            {"column": "flag", "function": "mean"},
            {"column": "x", "function": "count"},
            {"column": "x", "function": "quantile", "q": 0.5},
            {"function": "count"},
        ],
        "output": "out.csv",
    }
    outcome = run_program("aggregate_data.py", request, ray=False)
    assert outcome.exit_code == 0, outcome.log[-3000:]
    assert (data / "out.csv").read_text().splitlines() == [
        "k,x_sum,x_std,d_max,first,big_sum,flag_mean,x_count,x_p50,count",
        "a,inf,nan,2024-01-02,a,18000000000000000005,1.0,3,2.5,3",
        "b,,,2024-01-01,b,1,0.0,0,,1",
        ",4.0,,,,,,1,4.0,1",
    ]
    assert outcome.result["preview"][0]["x_sum"] == "inf"
    assert [s["rowsRead"] for s in outcome.result["sources"]] == [2, 3, 0]

    whole = {"aggregations": [{"column": "x", "function": "mean"}, {"column": "x", "function": "std"}]}
    outcome = run_program(
        "aggregate_data.py", {"sources": ["a.csv"], "output": "all.csv", **whole}, ray=False
    )
    assert (data / "all.csv").read_text() == "x_mean,x_std\n1.0,\n"
    assert math.isclose(outcome.result["preview"][0]["x_mean"], 1)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"groupBy": ["kk"]}, "INPUT_COLUMN_MISSING", "the columns are k, x, y"),
        ({"aggregations": [{"column": "k", "function": "sum"}]}, "INPUT_COLUMN_NOT_NUMERIC", "type text"),
        ({"aggregations": [{"column": "y", "function": "min"}]}, "INPUT_TYPES_CONFLICT", "integer in"),
        ({"aggregations": [{"function": "sum"}]}, "INPUT_INVALID", "sum needs a column"),
        ({"aggregations": [{"column": "x", "function": "quantile"}]}, "INPUT_INVALID", "a quantile needs it"),
        ({"aggregations": [{"column": "x", "function": "median"}]}, "INPUT_INVALID", "function"),
        ({"aggregations": [{"column": "x", "function": "sum", "as": "k"}]}, "INPUT_COLUMN_TWICE", "'k'"),
        ({"sources": ["broken.csv"]}, "INPUT_CSV_BROKEN", "line 3: 1 fields instead of 2"),
        ({"sources": ["header.csv"]}, "INPUT_DATASET_EMPTY", "no rows"),
        ({"sources": ["bad.parquet"]}, "INPUT_PARQUET_BROKEN", "bad.parquet"),
        ({"sources": ["../x.csv"]}, "INPUT_PATH_OUTSIDE", "x.csv"),
        (
            {"types": {"x": "integer"}, "sources": ["half.csv"]},
            "INPUT_CSV_BROKEN",
            "'0.5' is not a whole number",
        ),
    ],
)
def test_bad_input(
    change: dict[str, object], code: str, words: str, job_env: JobEnv, run_program: RunProgram
) -> None:
    data = job_env.datasets
    (data / "a.csv").write_text("k,x,y\na,1,1\n")
    (data / "b.csv").write_text("k,x,y\na,1,one\n")
    (data / "broken.csv").write_text("k,x\na,1\nb\n")
    (data / "half.csv").write_text("k,x\na,1\nb,0.5\n")
    (data / "header.csv").write_text("k,x\n")
    (data / "bad.parquet").write_text("no parquet")
    request = {"sources": ["a.csv", "b.csv"], "groupBy": ["k"], "output": "out.parquet",
               "aggregations": [{"column": "x", "function": "sum"}], **change}  # fmt: skip
    outcome = run_program("aggregate_data.py", request, ray=False)
    assert outcome.failure and outcome.failure["code"] == code, outcome.log[-2000:]
    assert words in outcome.failure["message"] and outcome.exit_code == 64
    assert not (data / "out.parquet").exists() and not [n for n in os.listdir(data) if n.startswith(".")]

    if code == "INPUT_CSV_BROKEN":
        outcome = run_program("aggregate_data.py", {**request, "maxRejects": 1}, ray=False)
        assert outcome.result["rowsRejected"] == 1 and outcome.result["rowsRead"] == 2


COUNT = [{"function": "count"}]


def test_output_is_never_a_source(job_env: JobEnv, run_program: RunProgram) -> None:
    data = job_env.datasets
    (data / "in").mkdir()
    (data / "out.csv").mkdir()
    for path in (data / "a.csv", data / "in" / "a.csv", data / "out.csv" / "raw.csv"):
        path.write_text("k,x\na,1\n")
    for sources, output, code in (
        (["a.csv"], "a.csv", "INPUT_OUTPUT_IS_INPUT"),
        (["a.csv", "in"], "in/sum.csv", "INPUT_OUTPUT_IS_INPUT"),
        (["in/*.csv"], "in/sum.csv", "INPUT_OUTPUT_IS_INPUT"),
        (["a.csv"], "out.csv", "INPUT_OUTPUT_EXISTS"),
    ):
        request = {"sources": sources, "output": output, "aggregations": COUNT}
        outcome = run_program("aggregate_data.py", request, ray=False)
        assert outcome.failure and outcome.failure["code"] == code, outcome.log[-2000:]
        assert outcome.exit_code == 64 and outcome.failure["field"] == "output"
    assert (data / "a.csv").read_text() == "k,x\na,1\n"
    assert sorted(p.name for p in data.rglob("*")) == ["a.csv", "a.csv", "in", "out.csv", "raw.csv"]


@pytest.mark.parametrize("folder", ["region=west", "key 0=9", "odd[1]", "a*b?", "[!x]", "it's {a,b}", "**"])
def test_the_folder_of_the_output_is_only_a_name(
    folder: str, job_env: JobEnv, run_program: RunProgram
) -> None:
    (job_env.datasets / "a.csv").write_text("region,year,x\nnorth,2020,1\nsouth,2021,2\n")
    # Files that a path read as a pattern would find.
    for name in ("odd1", "axbx", "y"):
        (job_env.datasets / name).mkdir()
    request = {
        "sources": ["a.csv"],
        "groupBy": ["region", "year"],
        "aggregations": [{"function": "sum", "column": "x"}],
        "output": f"{folder}/o.csv",
    }
    outcome = run_program("aggregate_data.py", request, ray=False)
    assert outcome.exit_code == 0, outcome.log[-2000:]
    assert (job_env.datasets / folder / "o.csv").read_text() == (
        "region,year,x_sum\nnorth,2020,1\nsouth,2021,2\n"
    )
    assert os.listdir(job_env.datasets / folder) == ["o.csv"]


def test_case_does_not_tell_columns_apart(job_env: JobEnv, run_program: RunProgram) -> None:
    data = job_env.datasets
    (data / "a.csv").write_text("K,Price\nx,100\n")
    (data / "b.csv").write_text("k,price\nx,1\ny,\n")
    pandas.DataFrame({"k": ["y"], "PRICE": [7.5]}).to_parquet(data / "c.parquet")
    request = {
        "sources": ["a.csv", "b.csv", "c.parquet"],
        "groupBy": ["k"],
        "types": {"PRICE": "number"},
        "aggregations": [
            {"function": "sum", "column": "price"},
            {"function": "max", "column": "Price"},
            {"function": "count", "column": "K", "as": "rows"},
        ],
        "output": "out.csv",
    }
    outcome = run_program("aggregate_data.py", request, ray=False)
    assert outcome.exit_code == 0, outcome.log[-2000:]
    assert (data / "out.csv").read_text() == "k,price_sum,Price_max,rows\nx,101.0,100.0,2\ny,7.5,7.5,2\n"

    pyarrow.parquet.write_table(pyarrow.table({"a": [1], "A": [10]}), data / "twins.parquet")
    request = {"sources": ["twins.parquet"], "aggregations": COUNT, "output": "out.csv"}
    outcome = run_program("aggregate_data.py", request, ray=False)
    assert outcome.failure and outcome.failure["code"] == "INPUT_COLUMN_TWICE", outcome.log[-2000:]
    assert "'a' and 'A'" in outcome.failure["message"] and outcome.exit_code == 64


def test_times_with_a_zone_are_utc_wherever_the_program_runs(
    job_env: JobEnv, run_program: RunProgram
) -> None:
    noon = pandas.Timestamp("2024-07-01 12:00", tz="America/New_York")
    pandas.DataFrame({"t": [noon]}).to_parquet(job_env.datasets / "a.parquet")
    request = {
        "sources": ["a.parquet"],
        "aggregations": [{"function": "max", "column": "t"}],
        "output": "out.csv",
    }
    outcome = run_program("aggregate_data.py", request, ray=False, environ={"TZ": "Asia/Tokyo"})
    assert outcome.exit_code == 0, outcome.log[-2000:]
    assert (job_env.datasets / "out.csv").read_text() == "t_max\n2024-07-01 16:00:00\n"


@pytest.mark.parametrize("early", ["7", ""])
def test_a_key_that_a_sample_took_for_a_number_stays_as_it_is_written(
    early: str, job_env: JobEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_source, "CHUNK_BYTES", 512)
    monkeypatch.setattr(csv_samples, "RANGES", 1)
    lines = ["zip,n", *[f"{early},1"] * 500, "007,1", "7,1"]
    (job_env.datasets / "a.csv").write_text("\n".join(lines) + "\n")
    request = {
        "sources": ["a.csv"],
        "output": "out/sums.csv",
        "groupBy": ["zip"],
        "aggregations": [{"function": "sum", "column": "n"}, {"function": "max", "column": "zip"}],
    }
    report = aggregate_data.main(aggregate_data.Request.model_validate(request), job_env.job)
    groups = {row["zip"]: (row["n_sum"], row["zip_max"]) for row in report["preview"]}
    assert groups == {
        "007": (1, "007"),
        **({"7": (501, "7")} if early else {"7": (1, "7"), None: (500, None)}),
    }
    assert report["rowsRead"] == 502 and report["rowsRejected"] == 0


def test_one_column_without_a_value_is_still_a_row(job_env: JobEnv, run_program: RunProgram) -> None:
    (job_env.datasets / "a.csv").write_text("k,x\na,\n")
    request = {
        "sources": ["a.csv"],
        "aggregations": [{"function": "mean", "column": "x"}],
        "output": "o.csv",
    }
    outcome = run_program("aggregate_data.py", request, ray=False)
    assert outcome.result["preview"] == [{"x_mean": None}], outcome.log[-2000:]
    assert (job_env.datasets / "o.csv").read_text() == 'x_mean\n""\n'


def test_what_does_not_fit_into_a_result_lies_beside_the_output(
    job_env: JobEnv, run_program: RunProgram
) -> None:
    data = job_env.datasets
    columns = [f"price{n}" for n in range(10)]
    rows = [f"{k}," + ",".join(f"{(k * n + 1) / 7:.6f}" for n in range(10)) for k in range(50)]
    (data / "b.csv").write_text("\n".join([f"k,{','.join(columns)}", *rows]) + "\n")
    quantiles = [
        {"function": "quantile", "column": name, "q": [q / 100 for q in range(100)]} for name in columns
    ]
    request = {"sources": ["b.csv"], "groupBy": ["k"], "aggregations": quantiles, "output": "q.parquet"}
    outcome = run_program("aggregate_data.py", request, ray=False)
    assert outcome.exit_code == 0, outcome.log[-2000:]
    report = outcome.result
    assert report["report"] == str(data / "q.parquet.report.json")
    whole = json.loads((data / "q.parquet.report.json").read_text())
    assert 0 < len(report["preview"]) < 20 and len(whole["preview"]) == 20
    assert whole["preview"][: len(report["preview"])] == report["preview"]
    assert len(report["columns"]) == len(whole["columns"]) == 1001

    # Many sources with long names, and so many columns that not even one row is shown.
    (data / ("漢" * 80)).mkdir()
    names = [f"{'漢' * 80}/{'語' * 70}{n:04}.csv" for n in range(90)]
    for name in names:
        (data / name).write_text("k,x\n1,2\n")
    wide = [
        {"function": "quantile", "column": "x", "q": [q / 100 for q in range(100)], "as": f"{'m' * 40}{n}"}
        for n in range(20)
    ]
    request = {"sources": names, "aggregations": wide, "output": "漢" * 81 + ".parquet"}
    outcome = run_program("aggregate_data.py", request, ray=False)
    assert outcome.exit_code == 0, outcome.log[-2000:]
    report = outcome.result
    whole = json.loads(Path(report["report"]).read_text())
    assert report["preview"] == [] and len(whole["preview"]) == 1
    assert 0 < len(report["sources"]) < len(whole["sources"]) == 90
    assert 0 < len(report["columns"]) < len(whole["columns"]) == 2000


MEASURED = """
import re, runpy, sys
sys.path.insert(0, ".")
runpy.run_path("aggregate_data.py", run_name="__main__")
with open("/proc/self/status") as status:
    print("PEAK", re.search(r"VmHWM:\\s+(\\d+) kB", status.read()).group(1))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_many_quantiles_of_a_column_take_the_memory_of_one(job_env: JobEnv) -> None:
    rng = numpy.random.default_rng(5)
    # So small that all of it is done in one process; each value is a line of four bytes.
    values = rng.integers(0, 10, 2 * 1024 * 1024 - 2)
    (job_env.datasets / "a.csv").write_bytes(b"k,x\n" + b"".join(b"1,%d\n" % value for value in values))
    percents = [q / 100 for q in range(100)]
    request = {
        "sources": ["a.csv"],
        "aggregations": [{"function": "quantile", "column": "x", "q": percents}],
        "output": "o.parquet",
    }
    env = {**os.environ, **job_env.environ, "LOVAGE_INPUT": json.dumps(request), "RAY_ADDRESS": "127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED], cwd=PROGRAMS, env=env, capture_output=True, text=True, check=False
    )
    peak = re.search(r"PEAK (\d+)", done.stdout)
    assert peak, done.stdout[-2000:] + done.stderr[-2000:]
    print(f"{int(peak[1]) >> 10} MiB at most")
    assert int(peak[1]) < 1_000_000
    written = pandas.read_parquet(job_env.datasets / "o.parquet").to_numpy()[0]
    numpy.testing.assert_allclose(written, numpy.quantile(values, percents))


def test_groups_in_several_partitions_are_put_together(
    job_env: JobEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregate_data, "PARTITION_BYTES", 1000)
    frame = pandas.DataFrame({"k": [n % 40 for n in range(1000)], "x": [n * n % 97 for n in range(1000)]})
    for name, rows in (("a.csv", frame[:600]), ("b.csv", frame[600:])):
        rows.to_csv(job_env.datasets / name, index=False)
    functions = [{"function": f, "column": "x"} for f in ("sum", "std")]
    request = aggregate_data.Request.model_validate(
        {
            "sources": ["a.csv", "b.csv"],
            "groupBy": ["k"],
            "output": "o.parquet",
            "aggregations": [*functions, {"function": "quantile", "column": "x", "q": [0.9, 0.5]}],
        }
    )
    assert aggregate_data.main(request, job_env.job)["groups"] == 40
    written = pandas.read_parquet(job_env.datasets / "o.parquet")
    groups = frame.groupby("k")["x"]
    expected = pandas.DataFrame(
        {"x_sum": groups.sum(), "x_std": groups.std()}
        | {"x_p90": groups.quantile(0.9), "x_p50": groups.quantile(0.5)}
    ).reset_index()
    pandas.testing.assert_frame_equal(written, expected, check_dtype=False)


def test_too_little_memory_is_told_and_not_tried_again(
    job_env: JobEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sandboxed_sql.connect
    monkeypatch.setattr(sandboxed_sql, "connect", lambda memory="1GB": connect("10MB"))
    monkeypatch.setattr(aggregate_data, "LOCAL_BYTES", 1 << 30)
    groups = numpy.arange(500_000)
    (job_env.datasets / "a.csv").write_bytes(b"k,x\n" + b"".join(b"k%d,%d\n" % (n, n) for n in groups))
    pandas.DataFrame({"k": groups, "x": groups}).to_parquet(job_env.datasets / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        request = aggregate_data.Request(
            sources=[name],
            group_by=["k"],
            output="o.csv",
            aggregations=[aggregate_data.AggregationRequest(function="std", column="x")],
        )
        with pytest.raises(lovage_job.JobError) as caught:
            aggregate_data.main(request, job_env.job)
        assert caught.value.code in ("AGGREGATION_MEMORY", "PART_MEMORY"), name
        assert not caught.value.retry and not isinstance(caught.value, lovage_job.BadInput)
    assert sorted(os.listdir(job_env.datasets)) == ["a.csv", "a.parquet"]


def test_the_look_into_the_sources_tells_how_far_it_is(job_env: JobEnv) -> None:
    told: list[float] = []

    class Told(lovage_job.Job):
        def progress(self, fraction: float | None, message: str, **details: object) -> None:
            assert message == "scanning" and fraction is not None
            told.append(fraction)

    for name in ("a.csv", "b.csv"):
        (job_env.datasets / name).write_bytes(b"k,x\n" + b"1,2\n" * 5_000_000)
    source_tables.opened(Told(job_env.environ), ["a.csv", "b.csv"], Dialect(), {}, field="sources")
    assert told == sorted(told) and max(told) == pytest.approx(0.1)
    # At each block that is read, not at each file.
    assert len(set(told)) >= 8


def test_a_failure_in_another_process_keeps_its_code(job_env: JobEnv, run_program: RunProgram) -> None:
    path = job_env.datasets / "a.parquet"
    # So large that other processes read it, and broken where only they look.
    pandas.DataFrame({"x": numpy.random.default_rng(1).random(1_500_000)}).to_parquet(path)
    data = bytearray(path.read_bytes())
    data[4 : len(data) // 2] = b"\xff" * (len(data) // 2 - 4)
    path.write_bytes(data)
    request = {
        "sources": ["a.parquet"],
        "aggregations": [{"function": "sum", "column": "x"}],
        "output": "o.csv",
    }
    outcome = run_program("aggregate_data.py", request)
    assert outcome.failure and outcome.failure["code"] == "INPUT_PARQUET_BROKEN", outcome.log[-2000:]
    assert outcome.exit_code == 64 and outcome.failure["retry"] is False
