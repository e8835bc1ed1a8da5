"""Hostile expressions: each wall is tried alone, since each is to be enough by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow
import pytest
import sandboxed_sql
from column_types import cast, evidence, misfit
from lovage_job import BadInput
from row_plan import checked_plan
from sandboxed_sql import checked_expression


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    con = sandboxed_sql.connect("200MB")
    yield con
    con.close()


HOSTILE = [
    "(SELECT content FROM read_text('/etc/passwd'))",
    "(SELECT 1)",
    "a IN (SELECT 1)",
    "EXISTS (FROM duckdb_settings())",
    "ARRAY(SELECT 1)",
    "[x FOR x IN (SELECT 1)]",
    "list_transform([1], x -> (SELECT x))",
    "CASE WHEN a THEN (TABLE t) END",
    "1 FROM read_csv('/etc/passwd')",
    "1 FROM '/etc/passwd'",
    "1; SELECT 2",
    "1; COPY (SELECT 1) TO '/tmp/stolen.csv'",
    "1; ATTACH '/tmp/x.db'",
    "1; SET threads = 4",
    "1; INSTALL httpfs",
    "1) FROM read_text('/etc/passwd') --",
    "1 --\n FROM read_text('/etc/passwd')",
    "1 UNION SELECT 2",
    "1 WHERE true",
    "1 LIMIT 1",
    "1 ORDER BY 1",
    "1 GROUP BY ALL",
    "1 USING SAMPLE 1",
    "1 QUALIFY true",
    "DISTINCT a",
    "*",
    "COLUMNS('a.*')",
    "* REPLACE (1 AS a)",
    "UNPACK(COLUMNS(*))",
    "a AS b",
    "a, a",
    "",
    "  ",
    "/* nothing */",
    "-- nothing",
    "a" * 20_000,
    "a\0",
    "?",
    "$1",
    "$name",
    "#1",
    "DEFAULT",
    "sum(a)",
    "count(*)",
    "first(a)",
    "row_number() OVER ()",
    "sum(a) OVER ()",
    "unnest([1, 2])",
    "getenv('HOME')",
    "getvariable('x')",
    "current_setting('memory_limit')",
    "pg_sleep(10)",
    "sleep_ms(10000)",
    "random()",
    "uuid()",
    "nextval('s')",
    "setseed(0.5)",
    "write_log('x')",
    "error('x')",
    "read_text('/etc/passwd')",
    "read_blob('/etc/passwd')",
    "read_csv('/etc/passwd')",
    "read_parquet('x')",
    "parquet_scan('x')",
    "glob('/etc/*')",
    "sniff_csv('/etc/passwd')",
    "query('SELECT 1')",
    "query_table('t')",
    "json_execute_serialized_sql('x')",
    "json_serialize_sql('SELECT 1')",
    "system.main.lower('x')",
    "duckdb_secrets()",
    "which_secret('x', 's3')",
    "PRAGMA version",
    "__import__('os').system('id')",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_the_first_wall_refuses(con: duckdb.DuckDBPyConnection, text: str) -> None:
    with pytest.raises(BadInput) as caught:
        canonical = checked_expression(con, text, field="filter")
        # A comment alone is nothing at all, and only the binder knows.
        checked_plan(con, {"a": "integer"}, derive={"x": canonical}, filter=None, select=None)
    assert caught.value.code == "INPUT_EXPRESSION" and caught.value.retry is False


@pytest.mark.parametrize(
    "text",
    [
        *(" + ".join(["a"] * count) for count in (600, 2000)),
        "(" * 4900 + "a" + ")" * 4900,
        "NOT " * 2400 + "a",
        "abs(" * 600 + "a" + ")" * 600,
        "a" + ".b" * 3000,
    ],
    ids=["sum", "long sum", "brackets", "not", "calls", "fields"],
)
def test_what_is_nested_too_deeply_is_refused(con: duckdb.DuckDBPyConnection, text: str) -> None:
    with pytest.raises(BadInput) as caught:
        checked_plan(con, {"a": "integer"}, derive={"x": text}, filter=None, select=None)
    assert caught.value.code == "INPUT_EXPRESSION" and caught.value.field == "derive.x"


def test_the_second_wall_holds_without_the_first(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n42\n")
    stolen = tmp_path / "stolen.csv"
    python_variable = pyarrow.table({"a": [42]})
    for sql in (
        f"SELECT * FROM read_csv('{secret}')",
        f"SELECT * FROM '{secret}'",
        f"SELECT * FROM read_text('{secret}')",
        f"SELECT * FROM glob('{tmp_path}/*')",
        "SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')",
        "SELECT * FROM python_variable",
        f"COPY (SELECT 1) TO '{stolen}'",
        f"EXPORT DATABASE '{tmp_path}/export'",
        f"ATTACH '{tmp_path}/other.db'",
        f"IMPORT DATABASE '{tmp_path}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET memory_limit = '100GB'",
        "PRAGMA enable_external_access = true",
        "RESET memory_limit",
        f"SET temp_directory = '{tmp_path}'",
        f"SELECT getenv('{os.sep}')",
        "CREATE SECRET s (TYPE s3)",
        "SELECT * FROM duckdb_secrets() LIMIT 1 / 0 OFFSET (SELECT error('x'))",
    ):
        with pytest.raises(duckdb.Error):
            con.execute(sql).fetchall()
    assert sorted(os.listdir(tmp_path)) == ["secret.csv"] and python_variable.num_rows == 1


def test_memory_is_bounded(con: duckdb.DuckDBPyConnection) -> None:
    canonical = checked_expression(con, "length(repeat(repeat('x', 1000000), 100000))", field="derive.x")
    with pytest.raises(duckdb.Error):
        con.execute(f"SELECT {canonical}").fetchall()


def test_honest_expressions_mean_what_they_say(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE TABLE t AS SELECT 7 AS a, 'Zürich' AS \"my city\", DATE '2024-03-05' AS d, NULL AS n")
    for text, value in {
        "a * 2 + 1": 15,
        "\"my city\" || '; DROP TABLE t; --'": "Zürich; DROP TABLE t; --",
        "upper(\"my city\") LIKE 'Z%'": True,
        "CASE WHEN a BETWEEN 1 AND 9 THEN 'low' ELSE 'high' END": "low",
        "coalesce(n, a)": 7,
        "a IN (1, 7) AND NOT a IS NULL -- a remark": True,
        "extract(month FROM d)": 3,
        "date_trunc('month', d)::DATE::VARCHAR": "2024-03-01",
        "d + INTERVAL 1 DAY > DATE '2024-03-05'": True,
        "nullif(a, 7)": None,
        "if(a > 3, 'x', 'y')": "x",
        "split_part('a-b', '-', 2)": "b",
        "round(a / 2, 1)": 3.5,
        "regexp_replace(\"my city\", '[^a-z]', '', 'g')": "rich",
        "TRY_CAST('x' AS INTEGER)": None,
        "list_sum([x * 2 FOR x IN [1, 2]])": 6,
    }.items():
        canonical = checked_expression(con, text, field="x")
        assert con.execute(f"SELECT ({canonical}) FROM t").fetchall() == [(value,)], text


def test_plans_are_checked_before_work(con: duckdb.DuckDBPyConnection) -> None:
    types = {"Price": "number", "n": "integer", 'we"ird': "text"}
    plan = checked_plan(
        con,
        types,
        derive={"n": "n + 1", "twice": "n * 2", "price": "Price / 2"},
        filter="twice > 3",
        select=None,
    )
    con.execute(
        'CREATE TABLE t AS SELECT * FROM (VALUES (10.0, 1, \'a\'), (20.0, 0, \'b\')) v("Price", n, "we""ird")'
    )
    result = con.sql(plan.query("t")).to_arrow_table()
    assert result.column_names == ["price", "n", 'we"ird', "twice"]
    assert result.to_pylist() == [{"price": 5.0, "n": 2, 'we"ird': "a", "twice": 4}]
    with pytest.raises(BadInput, match="Price \\(number\\), n \\(integer\\)") as caught:
        checked_plan(con, types, derive={}, filter="m > 3", select=None)
    assert caught.value.field == "filter"
    with pytest.raises(BadInput) as caught:
        checked_plan(con, types, derive={"later": "sooner", "sooner": "1"}, filter=None, select=None)
    assert caught.value.field == "derive.later"
    for select in (["n", "N"], ["none"], []):
        with pytest.raises(BadInput):
            checked_plan(con, types, derive={}, filter=None, select=select)


def test_types_are_found_and_kept_exactly(con: duckdb.DuckDBPyConnection) -> None:
    columns = {
        "integer": (["1", "-2", None, " 3 "], "integer"),
        "number": (["1", "2.5", "NaN", "-1e3"], "number"),
        "postcode": (["0123", "4000", None, "1"], "text"),
        "long": (["12345678901234567890", "1", None, "2"], "text"),
        "boolean": (["true", "FALSE", None, "True"], "boolean"),
        "letters": (["t", "f", "t", "t"], "text"),
        "date": (["2024-01-02", None, "", "2024-12-31"], "date"),
        "time": (["2024-01-02", "2024-01-02T03:04:05+02:00", None, "2024-01-02 03:04"], "timestamp"),
        "mixed": (["2024-01-02", "1", None, "x"], "text"),
        "nothing": ([None, "", None, " "], None),
        "dates that are none": (["2024-13-02", None, None, None], "text"),
    }
    sample = pyarrow.table({name: values for name, (values, _) in columns.items()})
    assert {n: e.kind() for n, e in evidence(con, sample).items()} == {name: kind for name, (_, kind) in columns.items()}

    def value(text: str, kind: str) -> tuple[object, bool]:
        con.register("one", pyarrow.table({"v": [text]}))
        return con.execute(
            f"SELECT CAST({cast('v', kind)} AS VARCHAR), {misfit('v', kind)} FROM one"
        ).fetchall()[0]

    for text, kind, expected in (
        ("1.5", "integer", None),
        ("1_000", "integer", None),
        ("0x1F", "integer", None),
        ("9223372036854775808", "integer", None),
        ("9223372036854775807", "integer", "9223372036854775807"),
        ("1e3", "number", "1000.0"),
        ("1,5", "number", None),
        ("2024-01-02 10:00", "date", None),
        ("epoch", "date", None),
        ("2024-02-30", "date", None),
        ("2024-01-02T03:04:05+02:00", "timestamp", "2024-01-02 01:04:05"),
        ("2024-01-02T03:04:05Z", "timestamp", "2024-01-02 03:04:05"),
        ("yes", "boolean", "true"),
        ("2", "boolean", None),
    ):
        assert value(text, kind) == (expected, expected is None), (text, kind)
    assert value(" ", "integer") == (None, False) and value("nan", "number") == (None, False)
