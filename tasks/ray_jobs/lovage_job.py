"""What a program that runs as a Ray job needs: its input, its folders, progress, a result, a clean failure.

A program is one file beside this one::

    class Request(lovage_job.Model):
        dataset: str

    def main(request: Request, job: lovage_job.Job) -> dict:
        job.progress(0.5, "half done")
        return {"rows": 10}

    if __name__ == "__main__":
        lovage_job.run(main, Request)

The worker passes the input as JSON in the environment (``LOVAGE_INPUT``: never on the command line, where every user
of the machine could read it) and reads what comes back from the log: lines that begin with ``MARKER`` carry JSON.
JSON keys are camelCase on the wire and snake_case in Python.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import pydantic
from failure_causes import chain, lasting_fault
from pydantic.alias_generators import to_camel

MARKER = "::lovage:: "
"""How a line for the worker begins; it is only read at the start of a line."""

MAX_RESULT_BYTES = 256 * 1024
"""The largest result, as JSON. What is larger belongs in a file that the result names."""

MAX_MESSAGE = 4000
"""Characters of a failure's message."""

EXIT_FAILED = 1
EXIT_BAD_INPUT = 64
"""``EX_USAGE`` of sysexits.h: the input is wrong, so another attempt can only fail again."""


class Model(pydantic.BaseModel):
    """Base of every request and report: camelCase outside, strict about unknown fields, immutable."""

    model_config = pydantic.ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        frozen=True,
        # Fields such as `model_version` are ordinary here.
        protected_namespaces=(),
    )


class JobError(Exception):
    """A failure with a stable code; ``retry`` says whether another attempt makes sense."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        value: Any = None,
        hint: str | None = None,
        retry: bool = True,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.value = value
        self.hint = hint
        self.retry = retry

    def __reduce__(self) -> tuple[Any, ...]:
        # Ray carries exceptions between processes; by default keyword-only fields would be lost on the way.
        return (_rebuild, (type(self), dict(self.__dict__)))


def _rebuild(kind: type[JobError], fields: dict[str, Any]) -> JobError:
    error = kind.__new__(kind)
    Exception.__init__(error, fields["message"])
    error.__dict__.update(fields)
    return error


class BadInput(JobError):
    """The input can never work as it stands (missing file, no such column, …): never retried."""

    def __init__(
        self, code: str, message: str, *, field: str | None = None, value: Any = None, hint: str | None = None
    ) -> None:
        super().__init__(code, message, field=field, value=value, hint=hint, retry=False)


class Job:
    """The running job: who it is, where its folders are, and how it reports."""

    def __init__(self, environ: dict[str, str] | None = None) -> None:
        env = os.environ if environ is None else environ
        self.id = env.get("LOVAGE_JOB_ID", "local")
        self.task = env.get("LOVAGE_TASK", "local")
        self.attempt = int(env.get("LOVAGE_ATTEMPT", "1"))
        self.submission_id = env.get("LOVAGE_SUBMISSION_ID", "local")
        self.datasets_dir = env.get("LOVAGE_DATASETS_DIR", "/datasets")
        self.models_dir = env.get("LOVAGE_MODELS_DIR", "/models")
        self.uri_schemes = tuple(s for s in env.get("LOVAGE_URI_SCHEMES", "").split(",") if s)
        self._stretch = (0.0, 1.0)
        # A list, since the parts of a job share it.
        self._last: list[tuple[float, float | None, str]] = [(float("-inf"), None, "")]

    def part(self, begin: float, end: float) -> Job:
        """The same job, whose progress from 0 to 1 is that of this one from ``begin`` to ``end``."""
        inner = copy.copy(self)
        start, length = self._stretch[0], self._stretch[1] - self._stretch[0]
        inner._stretch = (start + length * begin, start + length * end)
        return inner

    def progress(self, fraction: float | None, message: str, **details: Any) -> None:
        """Report progress: ``fraction`` from 0 to 1 (None when unknown), a short message, and any JSON details.

        At most five a second reach the log; the last one (fraction 1) and a changed message always do.
        """
        if fraction is not None:
            begin, end = self._stretch
            fraction = begin + (end - begin) * min(1.0, max(0.0, float(fraction)))
        now = time.monotonic()
        then, last_fraction, last_message = self._last[0]
        finished = fraction is not None and fraction >= 1 and last_fraction != fraction
        if now - then < 0.2 and message == last_message and not finished:
            return
        self._last[0] = (now, fraction, message)
        _emit({"type": "progress", "fraction": fraction, "message": message, **details})


_emit_lock = threading.Lock()


def _emit(event: dict[str, Any]) -> None:
    text = json.dumps(event, default=_jsonable, allow_nan=False, separators=(",", ":"))
    # One write to the file descriptor, begun on a fresh line: Ray's own threads print to the same log.
    data = f"\n{MARKER}{text}\n".encode()
    with _emit_lock:
        sys.stdout.flush()
        view = memoryview(data)
        while view:
            view = view[os.write(1, view) :]


def _jsonable(value: Any) -> Any:
    if isinstance(value, pydantic.BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if hasattr(value, "item"):  # numpy scalars
        return value.item()
    if hasattr(value, "tolist"):  # numpy arrays
        return value.tolist()
    return str(value)


def masked(text: str) -> str:
    """The text with the user and password of every URI in it hidden: failures are stored and shown."""
    # A password may have a slash that should have been escaped; behind a port there is a path.
    return re.sub(r"(://)(?:[^/\s]*|[^/\s:]*:(?!\d+/)\S*)@", r"\1***@", text)


_span: Any = None
"""The program's span, where its job is traced."""


def _begin_span(job: Job) -> None:
    global _span
    if "TRACEPARENT" not in os.environ:
        return
    with contextlib.suppress(Exception):
        import lovage_trace

        _span = lovage_trace.begin(
            f"program {job.task}",
            {
                "lovage.task": job.task,
                "lovage.job.id": job.id,
                "lovage.job.attempt": job.attempt,
                "lovage.ray.submission_id": job.submission_id,
            },
        )


def _end_span(failure: JobError | None = None) -> None:
    # The result, or the failure, is told by then: a collector that is slow keeps nobody waiting for it.
    if _span is None:
        return
    with contextlib.suppress(Exception):
        if failure is not None:
            _span.fail(failure.code, masked(failure.message)[:MAX_MESSAGE])
        _span.end()


def _fail(error: JobError, exit_code: int) -> NoReturn:
    event: dict[str, Any] = {
        "type": "failure",
        "code": error.code,
        "message": masked(error.message)[:MAX_MESSAGE],
        "retry": error.retry,
    }
    if error.field is not None:
        event["field"] = error.field
    if error.value is not None:
        event["value"] = masked(str(error.value))[:500]
    if error.hint is not None:
        event["hint"] = masked(error.hint)
    if error.__cause__ is not None:
        event["cause"] = masked(f"{type(error.__cause__).__name__}: {error.__cause__}")[:2000]
    _emit(event)
    print(f"{error.code}: {event['message']}", file=sys.stderr, flush=True)
    sys.stdout.flush()
    _end_span(error)
    # The interpreter's ordinary exit would wait for Ray's threads, and a failure is final.
    sys.exit(exit_code)


R = TypeVar("R", bound=Model)


def read_request(model: type[R], environ: dict[str, str] | None = None) -> R:
    """Read and validate the input from the environment; raises BadInput ``INPUT_INVALID`` with every fault named."""
    env = os.environ if environ is None else environ
    text = env.get("LOVAGE_INPUT")
    if text is None:
        raise BadInput("INPUT_INVALID", "no input: the environment has no LOVAGE_INPUT", hint="enqueue a task")
    try:
        return model.model_validate_json(text)
    except pydantic.ValidationError as error:
        faults = [f"{'.'.join(str(p) for p in e['loc']) or 'input'}: {e['msg']}" for e in error.errors()]
        first = error.errors()[0]
        raise BadInput(
            "INPUT_INVALID",
            "; ".join(faults),
            field=".".join(str(p) for p in first["loc"]) or None,
            value=first.get("input"),
        ) from None


def run(main: Callable[[R, Job], Any], model: type[R]) -> None:
    """Read the input, call ``main(request, job)``, report its result or its failure, and exit accordingly."""
    try:
        job = Job()
        _begin_span(job)
        request = read_request(model)
        value = main(request, job)
        if isinstance(value, pydantic.BaseModel):
            value = value.model_dump(mode="json", by_alias=True)
        size = len(json.dumps(value, default=_jsonable, allow_nan=False))
        if size > MAX_RESULT_BYTES:
            raise JobError(
                "RESULT_TOO_LARGE",
                f"the result has {size} bytes as JSON, more than {MAX_RESULT_BYTES}",
                hint="write it to a file and return the file's path",
                retry=False,
            )
    except BadInput as error:
        _fail(error, EXIT_BAD_INPUT)
    except JobError as error:
        _print_traceback()
        _fail(error, EXIT_FAILED)
    except Exception as error:  # noqa: BLE001 - whatever the program raises becomes its verdict
        _print_traceback()
        found = find_job_error(error)
        if found is not None:
            _fail(found, EXIT_FAILED if found.retry else EXIT_BAD_INPUT)
        fault = lasting_fault(error)
        if fault is not None:
            _fail(JobError(fault.code, fault.message, hint=fault.hint, retry=False), EXIT_FAILED)
        failure = JobError("PROGRAM_FAILED", f"{type(error).__name__}: {error}")
        failure.__cause__ = error.__cause__
        _fail(failure, EXIT_FAILED)
    _emit({"type": "result", "value": value})
    _end_span()


def find_job_error(error: BaseException) -> JobError | None:
    """The JobError inside an exception that Ray wrapped (a RayTaskError keeps the original as ``cause``), if any."""
    return next((each for each in chain(error) if isinstance(each, JobError)), None)


def _print_traceback() -> None:
    print(masked(traceback.format_exc()), file=sys.stderr, end="")
