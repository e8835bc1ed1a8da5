"""Reports that fit into a job's result: lists cut where they are too long, and then a file with all of them."""

from __future__ import annotations

import json
import os
from typing import Any

from lovage_paths import atomic_output
from output_files import MAX_NAME_BYTES

LIST_BYTES = 60 * 1024
"""Of one list of a report, as JSON; a few of them are allowed to be so long."""

_SUFFIX = ".report.json"


def fitting(items: list[Any], size: int = LIST_BYTES) -> list[Any]:
    """As many of the first items as take no more than ``size`` bytes as JSON."""
    for number, item in enumerate(items):
        size -= len(json.dumps(item)) + 2
        if size < 0:
            return items[:number]
    return items


def bounded(report: dict[str, Any], output: str, names: tuple[str, ...]) -> dict[str, Any]:
    """The report with those of its lists cut that are too long; its ``report`` then names the file beside
    the output, ``<output>.report.json``, that has them whole.
    """
    cut = {name: fitting(report[name]) for name in names}
    if all(len(cut[name]) == len(report[name]) for name in names):
        return {**report, "report": None}
    folder, _, name = output.rpartition("/")
    room = MAX_NAME_BYTES - len(_SUFFIX)
    path = f"{folder}/{os.fsencode(name)[:room].decode('utf-8', 'ignore')}{_SUFFIX}"
    with atomic_output(path) as partial, open(partial, "w", encoding="utf-8") as file:
        json.dump({**report, "report": path}, file, ensure_ascii=False)
    return {**report, **cut, "report": path}
