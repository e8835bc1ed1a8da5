"""A stretch of a job's progress: work is reported from 0 to 1, whatever part of the whole it is."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from lovage_job import Job


class Share:
    """From ``begin`` to ``end`` of a job's progress. All parts of one share together never go back."""

    def __init__(self, job: Job, begin: float = 0.0, end: float = 1.0) -> None:
        self._job = job
        self._begin = begin
        self._end = end
        self._reached = [begin]

    def report(self, done: float, message: str, **details: Any) -> None:
        """``done`` is from 0 to 1, of this share."""
        fraction = self._begin + (self._end - self._begin) * min(1.0, max(0.0, done))
        self._reached[0] = max(self._reached[0], fraction)
        self._job.progress(self._reached[0], message, **details)

    def part(self, begin: float, end: float) -> Share:
        """A part of this share; ``begin`` and ``end`` are from 0 to 1."""
        length = self._end - self._begin
        inner = Share(self._job, self._begin + length * begin, self._begin + length * end)
        inner._reached = self._reached
        return inner

    def rest(self) -> Share:
        """What is left of this share after what was reported."""
        inner = Share(self._job, max(self._begin, min(self._reached[0], self._end)), self._end)
        inner._reached = self._reached
        return inner

    @contextlib.contextmanager
    def watching(self, con: Any, message: str) -> Iterator[None]:
        """Reports how far an engine's statements are, twice a second, while the block runs."""
        con.execute("SET enable_progress_bar = true")
        con.execute("SET enable_progress_bar_print = false")
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.5):
                self.report(con.query_progress() / 100, message)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
