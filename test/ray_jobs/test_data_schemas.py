"""The requests and reports of the data tasks, as TypeScript and as Python have them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import aggregate_data
import process_large_csv
import process_new_data
import pytest
from conftest import JobEnv, RunProgram
from test_ml_schemas import plain

ROOT = Path(__file__).resolve().parents[2]

PROGRAMS: dict[str, ModuleType] = {
    "process_large_csv.py": process_large_csv,
    "aggregate_data.py": aggregate_data,
    "process_new_data.py": process_new_data,
}

SCHEMAS = """
import * as z from "zod";
import * as tasks from "./tasks/data_tasks.ts";
const schemas = Object.values(tasks).filter((t) => t.ray)
  .map((t) => [t.ray.program, z.toJSONSchema(t.input, { io: "input" })]);
console.log(JSON.stringify(Object.fromEntries(schemas)));
"""

PARSE = """
import { readFileSync } from "node:fs";
import * as tasks from "./tasks/data_tasks.ts";
const results = JSON.parse(readFileSync(0, "utf8"));
for (const task of Object.values(tasks).filter((t) => t.ray)) task.output.parse(results[task.ray.program]);
"""


def node(script: str, text: str = "") -> str:
    done = subprocess.run(
        [str(ROOT / "node_modules" / ".bin" / "node"), "--input-type=module-typescript", "-e", script],
        cwd=ROOT,
        input=text.encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def typescript() -> dict[str, Any]:
    return json.loads(node(SCHEMAS))


@pytest.mark.parametrize("program", PROGRAMS)
def test_requests_are_the_same(typescript: dict[str, Any], program: str) -> None:
    ours = PROGRAMS[program].Request.model_json_schema(by_alias=True)
    theirs = typescript[program]
    assert plain(ours, ours.get("$defs", {})) == plain(theirs, theirs.get("$defs", {}))


def test_reports_fit_the_schemas(job_env: JobEnv, run_program: RunProgram) -> None:
    data = job_env.datasets
    (data / "new").mkdir()
    for name, text in {"a": "id,x\n1,2\n3,b\n5\n", "b": "id\n1\n", "c": "id\n1\n", "d": "id,id\n"}.items():
        (data / "new" / f"{name}.csv").write_text(text)
    (data / "new" / "e.txt").write_text("?")
    (data / "a.csv").write_text((data / "new" / "a.csv").read_text())
    aggregation = {
        "aggregations": [{"function": "count"}, {"column": "id", "function": "mean"}],
        "maxRejects": 9,
    }
    requests = {
        "process_large_csv.py": {"dataset": "a.csv", "output": "o.csv", "types": {"x": "integer"}},
        "aggregate_data.py": {"sources": ["a.csv"], "groupBy": ["x"], "output": "g.csv", **aggregation},
        "process_new_data.py": {"settleSeconds": 0},
    }
    results = {name: run_program(name, value).result for name, value in requests.items()}
    assert results["process_large_csv.py"]["firstRejects"][0]["column"] == "x"
    counts = results["process_new_data.py"]["counts"]
    assert (counts["processed"], counts["duplicates"], counts["failed"], counts["ignored"]) == (2, 1, 1, 1)
    node(PARSE, json.dumps(results))
