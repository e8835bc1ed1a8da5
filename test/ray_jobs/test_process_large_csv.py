"""Large CSV through SQL expressions: whole runs on Ray, compared with the csv module and pandas."""

from __future__ import annotations

import csv
import os
import random
from pathlib import Path

import pandas
import pyarrow.parquet
import pytest
from conftest import JobEnv, RunProgram


def orders(path: Path, rows: int) -> tuple[list[dict[str, str]], dict[int, str]]:
    """Writes a CSV with quoted newlines and every kind of fault; returns its good rows and the faults by
    line.
    """
    rng = random.Random(7)
    good, bad, line = [], {}, 2
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = ["id", "city", "price", "quantity", "day", "note"]
        writer.writerow(names)
        for number in range(rows):
            row = [
                str(number),
                rng.choice(["Bern", "Zürich", 'New "Big" York', "a,b", ""]),
                f"{rng.uniform(-5, 100):.3f}" if number % 97 else "",
                str(rng.randrange(1, 9)),
                f"2024-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
                rng.choice(["", "one\ntwo", "x" * 300, "漢字"]),
            ]
            if number % 5003 == 5002:
                kind = rng.randrange(4)
                text = {
                    0: f"{number},Bern,1.5",
                    1: f'{number},"Bern"x,1.5,2,2024-01-01,',
                    2: f"{number},Bern,cheap,2,2024-01-01,",
                    3: f"{number},Bern,1.5,2.5,2024-01-01,",
                }[kind]
                file.write(text + "\n")
                bad[line] = ("3 fields instead of 6", "text follows", "price: 'cheap'", "quantity: '2.5'")[
                    kind
                ]
                line += 1
                continue
            writer.writerow(row)
            line += 1 + row[5].count("\n")
            good.append(dict(zip(names, row, strict=True)))
    return good, bad


def test_a_whole_run(job_env: JobEnv, run_program: RunProgram) -> None:
    good, bad = orders(job_env.datasets / "orders.csv", 60_000)
    assert os.path.getsize(job_env.datasets / "orders.csv") > 6_000_000, "more than one range"
    request = {
        "dataset": "orders.csv",
        "output": "out/big.parquet",
        "derive": {
            "total": "price * quantity",
            "month": "month(day)",
            "city": "upper(city)",
            "share": "CAST(CASE WHEN id = 100 THEN 'oops' ELSE '1' END AS INTEGER)",
        },
        "filter": "total > 50 OR price IS NULL",
        "select": ["id", "city", "total", "month", "note"],
    }
    outcome = run_program("process_large_csv.py", {**request, "select": [*request["select"], "share"]})
    assert outcome.exit_code == 0, outcome.log[-3000:]
    report = outcome.result
    print(f"{outcome.seconds:.1f} s for a run")

    frame = pandas.DataFrame(good)
    frame["price"] = pandas.to_numeric(frame["price"])
    frame["total"] = frame["price"] * frame["quantity"].astype(int)
    expected = frame[(frame["total"] > 50) | frame["price"].isna()]
    # Row 100 is a reject when it passes the filter; otherwise its expression is never asked for.
    oops = int((expected["id"] == "100").sum())
    expected = expected[expected["id"] != "100"]
    result = pyarrow.parquet.read_table(report["output"])
    assert result.column_names == ["id", "city", "total", "month", "note", "share"]
    written = result.to_pandas()
    assert list(written["id"]) == [int(i) for i in expected["id"]], "in the order of the file"
    assert list(written["city"].fillna("")) == [c.upper() for c in expected["city"]]
    assert list(written["note"].fillna("")) == list(expected["note"])
    pandas.testing.assert_series_equal(
        written["total"], expected["total"].reset_index(drop=True), rtol=1e-12, check_names=False
    )
    assert list(written["month"]) == [int(d[5:7]) for d in expected["day"]]

    assert report["rowsRead"] == len(good) + len(bad)
    assert report["rowsRejected"] == len(bad) + oops
    assert report["rowsWritten"] == len(expected)
    assert report["rowsRead"] == report["rowsWritten"] + report["rowsFiltered"] + report["rowsRejected"]
    with open(report["rejects"], newline="") as file:
        rejects = {int(r["line"]): r for r in csv.DictReader(file)}
    for line, reason in bad.items():
        assert reason in rejects[line]["reason"]
    lines = (job_env.datasets / "orders.csv").read_text().split("\n")
    assert all(rejects[line]["text"] == lines[line - 1] for line in bad)
    assert len(rejects) == len(bad) + oops
    fractions = [p["fraction"] for p in outcome.progress]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    assert [p for p in (job_env.datasets / "out").iterdir() if p.name.startswith(".")] == []


def test_csv_out_of_many_files_without_rejects(job_env: JobEnv, run_program: RunProgram) -> None:
    folder = job_env.datasets / "in"
    folder.mkdir()
    (folder / "a.csv").write_text('id;name\n1;"x;y"\n2;\n')
    (folder / "b.csv").write_text('name;id\nB;3\n"";4\n')
    stale = job_env.datasets / "all.csv.rejects.csv"
    stale.write_text("old")
    outcome = run_program("process_large_csv.py", {"dataset": "in", "output": "all.csv", "delimiter": ";"})
    assert outcome.exit_code == 0, outcome.log[-3000:]
    assert (job_env.datasets / "all.csv").read_text() == '"id","name"\n1,"x;y"\n2,\n3,"B"\n4,""\n'
    assert outcome.result["rejects"] is None and not stale.exists()

    # The same, but the rejects are too many.
    (folder / "c.csv").write_text("id;name\nx;y\n5;z\n")
    request = {
        "dataset": "in",
        "output": "all.csv",
        "delimiter": ";",
        "types": {"ID": "integer"},
        "maxRejects": 0,
    }
    outcome = run_program("process_large_csv.py", request)
    assert (
        outcome.failure
        and outcome.failure["code"] == "TOO_MANY_REJECTS"
        and outcome.failure["retry"] is False
    )
    assert "line 2: id: 'x' is not a whole number" in outcome.failure["message"]
    assert "5" not in (job_env.datasets / "all.csv").read_text(), "the old output stands"


@pytest.mark.parametrize(
    ("content", "request_", "code", "words"),
    [
        ("a,b\n1,2\n", {"filter": "c > 1"}, "INPUT_EXPRESSION", "the columns are a (integer), b (integer)"),
        ("a,b\n1,2\n", {"filter": "a + 1"}, "INPUT_EXPRESSION", "not true or false"),
        ("a,b\n1,2\n", {"derive": {"x": "a +"}}, "INPUT_EXPRESSION", "derive.x"),
        ("a,b\n1,2\n", {"derive": {"x": "[a]"}}, "INPUT_EXPRESSION", "cannot be written"),
        ("a,b\n1,2\n", {"derive": {"x": "CAST('u' AS INTEGER)"}}, "INPUT_EXPRESSION", "Could not convert"),
        (
            "a,b\n1,2\n",
            {"derive": {"x": "(SELECT content FROM read_text('/etc/passwd'))"}},
            "INPUT_EXPRESSION",
            "subq",
        ),
        ("name,b\n1,2\n", {"select": ["nam"]}, "INPUT_COLUMN_MISSING", "the columns are name, b"),
        ("a,b\n1,2\n", {"types": {"c": "text"}}, "INPUT_COLUMN_MISSING", "types"),
        ("a,b\n1,2\n", {"types": {"a": "whole"}}, "INPUT_INVALID", "types.a"),
        ("a,b\n1,2\n", {"output": "out.txt"}, "INPUT_FORMAT_UNKNOWN", "out.txt"),
        ("a,b\n1,2\n", {"output": "../out.csv"}, "INPUT_PATH_OUTSIDE", "out.csv"),
        ("a,b\n1,2\n", {"output": "a.csv"}, "INPUT_PATH_INVALID", "twice"),
        ("a,b\n1,2\n", {"dataset": "none.csv"}, "INPUT_DATASET_MISSING", "none.csv"),
        ("a,b\n", {}, "INPUT_DATASET_EMPTY", "no rows"),
        ("", {}, "INPUT_DATASET_EMPTY", "0 bytes"),
        ("a,a\n1,2\n", {}, "INPUT_CSV_BROKEN", "two columns"),
        ("a,b\n1,caf\udce9\n", {}, "INPUT_NOT_UTF8", "at byte 9, line 2"),
    ],
)
def test_bad_input_is_refused_without_ray(
    content: str, request_: dict[str, object], code: str, words: str, job_env: JobEnv, run_program: RunProgram
) -> None:
    (job_env.datasets / "a.csv").write_bytes(content.encode("utf-8", "surrogateescape"))
    request = {"dataset": "a.csv", "output": "out.parquet", **request_}
    outcome = run_program("process_large_csv.py", request, ray=False)
    assert outcome.exit_code == 64, outcome.log[-2000:]
    assert outcome.failure and outcome.failure["code"] == code and outcome.failure["retry"] is False
    assert words in outcome.failure["message"]
    assert not (job_env.datasets / "out.parquet").exists()
