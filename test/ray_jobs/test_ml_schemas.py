"""The requests and reports of the ML tasks, as TypeScript and as Python have them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import batch_predictions
import distributed_training
import hyperparameter_search
import retrain_models

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import * as z from "zod";
import * as tasks from "./tasks/ml_tasks.ts";
const schemas = Object.values(tasks).filter((t) => t.ray).map((t) => [t.ray.program, {
  request: z.toJSONSchema(t.input, { io: "input" }),
  report: z.toJSONSchema(t.output, { io: "output" }),
}]);
console.log(JSON.stringify(Object.fromEntries(schemas)));
"""

PROGRAMS = {
    "distributed_training.py": distributed_training,
    "hyperparameter_search.py": hyperparameter_search,
    "batch_predictions.py": batch_predictions,
    "retrain_models.py": retrain_models,
}


@pytest.fixture(scope="module")
def typescript() -> dict[str, Any]:
    node = ROOT / "node_modules" / ".bin" / "node"
    done = subprocess.run(
        [str(node), "--input-type=module-typescript", "-e", SCRIPT],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def plain(schema: Any, defs: dict[str, Any]) -> Any:
    """What both sides mean alike: references resolved, titles, descriptions and "or null" left out, unions
    sorted."""
    if isinstance(schema, list):
        return [plain(s, defs) for s in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("type"), list):
        return plain({**schema, "type": None, "anyOf": [{"type": t} for t in schema["type"]]}, defs)
    if "$ref" in schema:
        return plain(defs[schema["$ref"].rsplit("/", 1)[1]], defs)
    left_out = (
        "title",
        "description",
        "$schema",
        "$defs",
        "format",
        "propertyNames",
        "minProperties",
        "additionalItems",
    )
    kept = {k: v for k, v in schema.items() if k not in left_out and v is not None}
    if "properties" in kept:
        kept["properties"] = {n: plain(s, defs) for n, s in kept["properties"].items()}
    others = {
        k: plain(v, defs) for k, v in kept.items() if k not in ("properties", "default", "enum", "required")
    }
    kept = {**kept, **others}
    if "enum" in kept:
        kept["enum"] = sorted(kept["enum"])
    if "required" in kept:
        kept["required"] = sorted(kept["required"])
    # zod bounds every whole number by what JavaScript can count to.
    for bound in ("maximum", "minimum"):
        if abs(kept.get(bound, 0)) == 2**53 - 1:
            del kept[bound]
    if kept.get("prefixItems"):  # a pair: pydantic has it as a list of two
        kept = {"type": "array", "items": kept["prefixItems"][0], "minItems": 2, "maxItems": 2}
    if "anyOf" in kept:
        options = []
        for option in kept["anyOf"]:
            options += option["anyOf"] if set(option) == {"anyOf"} else [option]
        options = [o for o in options if o != {"type": "null"}]
        if {"type": "number"} in options:
            options = [o for o in options if o != {"type": "integer"}]
        unique = {json.dumps(o, sort_keys=True): o for o in options}
        options = [unique[key] for key in sorted(unique)]
        kept = {
            **{k: v for k, v in kept.items() if k != "anyOf"},
            **(options[0] if len(options) == 1 else {"anyOf": options}),
        }
    return kept


@pytest.mark.parametrize("program", PROGRAMS)
def test_requests_are_the_same(typescript: dict[str, Any], program: str) -> None:
    ours = PROGRAMS[program].Request.model_json_schema(by_alias=True)
    theirs = typescript[program]["request"]
    assert plain(ours, ours.get("$defs", {})) == plain(theirs, theirs.get("$defs", {}))


@pytest.mark.parametrize("program", PROGRAMS)
def test_reports_have_the_same_fields(typescript: dict[str, Any], program: str) -> None:
    ours = PROGRAMS[program].Report.model_json_schema(by_alias=True, mode="serialization")
    theirs = typescript[program]["report"]
    assert sorted(ours["properties"]) == sorted(theirs["properties"])
    for model in ours.get("$defs", {}).values():
        if model["type"] == "object" and program != "distributed_training.py":
            fields = [p.get("items", p) for p in theirs["properties"].values()]
            items = [field for field in fields if field.get("properties")]
            assert sorted(model["properties"]) in [sorted(i["properties"]) for i in items]
