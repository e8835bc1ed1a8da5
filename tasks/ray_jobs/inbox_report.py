"""What a job did with the files of an inbox: in its result as far as there is room, in full in a file.

The file has one line of JSON for each file that was taken, written right before that file's last move: so an
attempt after a crash tells of what the one before it had finished. Of two lines with one ``claim`` the later
counts.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

from inbox_names import shown

LISTED = 200
"""Files of each kind that the result names; the counts are of all."""

LISTED_BYTES = 40_000
"""Bytes of each list, as JSON: together they fit into a result, however long the names are."""


class Account:
    """The report of one job on the inbox below ``root``; ``path`` is its file's."""

    def __init__(self, root: str, path: str) -> None:
        self.name = os.path.relpath(path, root)
        self._path = path
        self._found: dict[str, dict[str, Any]] = {}

    def begin(self, attempt: int) -> None:
        """Takes over what earlier attempts of the job did."""
        with contextlib.suppress(FileNotFoundError):
            if attempt == 1:
                # Of another job with this id, long ago.
                os.unlink(self._path)
            else:
                self._load()

    def __len__(self) -> int:
        return len(self._found)

    def add(self, key: str, kind: str, item: dict[str, Any]) -> None:
        """Notes what becomes of a file; ``key`` is its claim's."""
        line = {"claim": shown(key), "kind": kind, **item}
        self._found[line["claim"]] = line
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def result(self, waiting: list[str], ignored: list[str], *, busy: bool = False) -> dict[str, Any]:
        """The result of the job."""
        processed, failed, duplicates = (
            [
                {name: value for name, value in line.items() if name not in ("claim", "kind")}
                for line in self._found.values()
                if line["kind"] == kind
            ]
            for kind in ("processed", "failed", "duplicate")
        )
        return {
            "busy": busy,
            "counts": {
                "processed": len(processed),
                "failed": len(failed),
                "duplicates": len(duplicates),
                "waiting": len(waiting),
                "ignored": len(ignored),
                "rowsWritten": sum(each["rowsWritten"] for each in processed),
                "rowsRejected": sum(each["rowsRejected"] for each in processed),
            },
            "processed": _bounded(processed),
            "failed": _bounded(failed),
            "duplicates": _bounded(duplicates),
            "waiting": _bounded([shown(name) for name in waiting]),
            "ignored": _bounded([shown(name) for name in ignored]),
            "report": self.name if self._found else None,
        }

    def _load(self) -> None:
        with open(self._path, "rb") as file:
            data = file.read()
        for text in data.splitlines():
            # A line that a crash cut off is no JSON; its file was not moved yet.
            with contextlib.suppress(ValueError):
                line = json.loads(text)
                self._found[line["claim"]] = line
        if data and not data.endswith(b"\n"):
            with open(self._path, "ab") as file:
                file.write(b"\n")


def _bounded(items: list[Any]) -> list[Any]:
    listed, left = [], LISTED_BYTES
    for item in items[:LISTED]:
        left -= len(json.dumps(item)) + 2
        if left < 0:
            break
        listed.append(item)
    return listed
