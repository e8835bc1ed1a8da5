"""Large CSV through SQL expressions: whole runs on Ray, compared with the csv module and pandas."""

from __future__ import annotations

import csv
import os
import random
from pathlib import Path
from typing import Any

import csv_conversion
import csv_samples
import csv_source
import guessed_types
import pandas
import process_large_csv
import pyarrow.parquet
import pytest
import ray_stream
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
        # Without it the column would be of numbers, since 2.5 is one; `price` is found out from nearly all values.
        "types": {"quantity": "integer"},
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


def run_here(job_env: JobEnv, text: str, output: str = "out.parquet", **request: object) -> dict[str, Any]:
    """A run in this process, for which ranges of a few bytes are work for many."""
    (job_env.datasets / "a.csv").write_text(text)
    return process_large_csv.main(
        process_large_csv.Request.model_validate({"dataset": "a.csv", "output": output, **request}),
        job_env.job,
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample that sees the beginning of the file alone, and every few rows in a part of their own."""
    monkeypatch.setattr(ray_stream, "mapped", guessed_types.locally)
    monkeypatch.setattr(ray_stream, "processes", lambda: 1)
    monkeypatch.setattr(csv_source, "CHUNK_BYTES", 512)
    monkeypatch.setattr(csv_samples, "RANGES", 1)
    monkeypatch.setattr(csv_conversion, "range_size", lambda total, processes: 1000)


@pytest.mark.usefixtures("small")
def test_types_are_those_of_all_values_wherever_the_sample_lies(job_env: JobEnv) -> None:
    names = {
        "zip": "00123",
        "score": "1.5",
        "word": "cheap",
        "day": "2024-01-02 10:00",
        "late": "7",
        "none": "",
    }
    plain = {"zip": "8001", "score": "1", "word": "3", "day": "2024-01-01", "late": "", "none": ""}
    rows = [plain] * 300 + [names] + [plain] * 10
    text = "\n".join(",".join(row.values()) for row in [{n: n for n in names}, *rows]) + "\n"
    report = run_here(job_env, text)
    assert report["rowsRejected"] == 0 and report["rowsWritten"] == len(rows)
    table = pyarrow.parquet.read_table(report["output"])
    kinds = {name: str(kind) for name, kind in zip(table.column_names, table.schema.types, strict=True)}
    assert kinds == {
        "zip": "string",
        "score": "double",
        "word": "string",
        "day": "timestamp[us]",
        "late": "int64",
        "none": "string",
    }
    assert table.column("zip")[300].as_py() == "00123" and table.column("late")[300].as_py() == 7


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("place", [3, 290])
def test_a_few_strangers_in_a_column_that_an_expression_needs_are_rejects(
    job_env: JobEnv, place: int
) -> None:
    lines = ["id,price,note", *(f"{n},{n}.5,x" for n in range(300))]
    lines[place] = f"{place - 1},n.a.,x"
    report = run_here(job_env, "\n".join(lines) + "\n", filter="price > 10", select=["id"])
    assert (report["rowsRead"], report["rowsRejected"], report["rowsWritten"]) == (300, 1, 290 - (place > 11))
    assert report["firstRejects"][0]["line"] == place + 1
    assert "price: 'n.a.' is not a number" in report["firstRejects"][0]["reason"]
    # A column that no expression needs keeps all its values.
    assert run_here(job_env, "\n".join(lines) + "\n", filter="id >= 0")["rowsRejected"] == 0


@pytest.mark.usefixtures("small")
def test_for_the_sake_of_strangers_no_number_and_no_time_is_refused(job_env: JobEnv) -> None:
    lines = ["price,day", *(f"{n},2024-01-{n % 28 + 1:02}" for n in range(200))]
    lines[50:60] = ["1.5,2024-01-01 10:00"] * 10
    lines[60] = "n.a.,then"
    report = run_here(job_env, "\n".join(lines) + "\n", filter="price >= 0 AND day >= DATE '2024-01-01'")
    assert (report["rowsRejected"], report["rowsWritten"]) == (1, 199)
    kinds = {column["name"]: column["type"] for column in report["columns"]}
    assert kinds == {"price": "double", "day": "timestamp[us]"}


@pytest.mark.usefixtures("small")
def test_many_rejects_come_in_their_order_with_reasons_of_bounded_length(job_env: JobEnv) -> None:
    long = "y" * 5000
    lines = ["id,price"]
    for n in range(2000):
        lines.append((f"{n},{n}", f"{n},{long}", f'{n},"x', f"{n}", f"{n},-1")[n % 5])
    report = run_here(
        job_env,
        "\n".join(lines) + "\n",
        "out.csv",
        types={"price": "text"},
        derive={"size": "CAST(price AS INTEGER)"},
    )
    assert report["rowsRead"] == 2000 and report["rowsRejected"] == 1200 and report["rowsWritten"] == 800
    with open(report["rejects"], newline="") as file:
        rejects = list(csv.DictReader(file))
    assert [int(r["line"]) for r in rejects] == [n + 2 for n in range(2000) if n % 5 in (1, 2, 3)]
    assert max(len(r["reason"]) for r in rejects) <= 500
    assert {r["reason"][:20] for r in rejects} == {
        "an expression fails:",
        "a quote is opened an",
        "1 fields instead of ",
    }


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("cell", ["1", '"a ""b"""'])
def test_a_missing_value_alone_in_its_row_is_no_empty_line(job_env: JobEnv, cell: str) -> None:
    report = run_here(job_env, f"a,b\n{cell},1\n,2\n{cell},3\n", "out.csv", select=["a"])
    lines = Path(report["output"]).read_text().splitlines()
    assert lines == ['"a"', cell, '""', cell]


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
        ("a,b\n1,2\n", {"output": "a.csv"}, "INPUT_OUTPUT_IS_INPUT", "a.csv is read as the dataset"),
        ("a,b\n1,2\n", {"rejects": "a.csv"}, "INPUT_OUTPUT_IS_INPUT", "rejects: "),
        ("a,b\n1,2\n", {"output": "x.csv", "rejects": "x.csv"}, "INPUT_PATH_INVALID", "is the output"),
        ("a,b\n1,2\n", {"dataset": ".", "output": "new.csv"}, "INPUT_OUTPUT_IS_INPUT", "next run"),
        ("a\0,b\n1,2\n", {}, "INPUT_CSV_BROKEN", "line 1: the header has a NUL byte"),
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
