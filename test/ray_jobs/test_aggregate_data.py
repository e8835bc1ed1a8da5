"""Aggregates over unlike sources, compared with pandas and with values worked out by hand."""

from __future__ import annotations

import math
import os

import numpy
import pandas
import pytest
from conftest import JobEnv, RunProgram

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
