"""How a program's end is told: codes, whether another attempt makes sense, and what must not be told."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from typing import Any

import lovage_job
import pytest
from conftest import JobEnv, Outcome
from lovage_job import BadInput, JobError, Model, masked


class Request(Model):
    dataset: str = ""


Ended = Callable[..., Outcome]


@pytest.fixture
def ended(job_env: JobEnv, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Ended:
    """Runs a function as a program, and says how it ended."""
    for name, value in job_env.environ.items():
        monkeypatch.setenv(name, value)

    def run(main: Callable[[Request, lovage_job.Job], Any], value: dict[str, Any] | None = None) -> Outcome:
        monkeypatch.setenv("LOVAGE_INPUT", json.dumps(value or {}))
        exit_code: Any = 0
        try:
            lovage_job.run(main, Request)
        except SystemExit as stop:
            exit_code = stop.code
        out, err = capfd.readouterr()
        return Outcome.read(exit_code, out + err, 0)

    return run


def raising(error: BaseException, cause: BaseException | None = None) -> Callable[..., None]:
    def main(_request: Request, _job: lovage_job.Job) -> None:
        raise error from cause

    return main


class RayWrapped(Exception):
    """As Ray's RayTaskError, which keeps the original as ``cause``."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__("a task failed")
        self.cause = cause


LASTING = {
    "PERMISSION_DENIED": [
        PermissionError(errno.EACCES, "Permission denied", "/datasets/secret.csv"),
        OSError(errno.EPERM, "Operation not permitted", "/datasets/x.csv"),
        # As s3fs does, without a number.
        PermissionError("Access Denied"),
        RayWrapped(PermissionError(errno.EACCES, "Permission denied", "/datasets/secret.csv")),
    ],
    "FILE_SYSTEM_READ_ONLY": [OSError(errno.EROFS, "Read-only file system", "/datasets/out.csv")],
    "FILE_NAME_TOO_LONG": [OSError(errno.ENAMETOOLONG, "File name too long", "/datasets/" + "x" * 300)],
}


@pytest.mark.parametrize(("code", "error"), [(c, e) for c, errors in LASTING.items() for e in errors])
def test_lasting_refusals_are_not_retried(ended: Ended, code: str, error: Exception) -> None:
    outcome = ended(raising(error))
    assert outcome.exit_code == lovage_job.EXIT_FAILED and outcome.failure
    assert (outcome.failure["code"], outcome.failure["retry"]) == (code, False)
    assert outcome.failure["hint"]
    outcome = ended(raising(RuntimeError("while writing"), cause=error))
    assert outcome.failure and outcome.failure["code"] == code


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), OSError(errno.EIO, "I/O"), KeyError("x")]
)
def test_other_faults_are_retried(ended: Ended, error: Exception) -> None:
    outcome = ended(raising(error))
    assert outcome.failure and (outcome.failure["code"], outcome.failure["retry"]) == ("PROGRAM_FAILED", True)


def test_an_expected_refusal_is_not_why_a_program_failed(ended: Ended) -> None:
    def main(_request: Request, _job: lovage_job.Job) -> None:
        try:
            raise PermissionError(errno.EACCES, "Permission denied")
        except PermissionError:
            raise ConnectionError("the store is away")  # noqa: B904 - without a cause, on purpose

    outcome = ended(main)
    assert outcome.failure and (outcome.failure["code"], outcome.failure["retry"]) == ("PROGRAM_FAILED", True)


SECRETS = [
    "ftp://user:hunter2@host/x.csv",
    "s3://AKIA:hunter2@bucket/x.csv",
    "sftp://user:hunter2/5@host/x.csv",
    "ftp://hunter2@host",
]


@pytest.mark.parametrize("uri", SECRETS)
def test_no_part_of_a_failure_tells_a_password(ended: Ended, job_env: JobEnv, uri: str) -> None:
    from allowed_paths import allowed_uri

    def refused(request: Request, job: lovage_job.Job) -> None:
        allowed_uri(job, request.dataset, "dataset")

    outcome = ended(refused, {"dataset": uri})
    assert outcome.failure and outcome.failure["code"] == "INPUT_SCHEME_NOT_ALLOWED"
    assert outcome.failure["value"].endswith(uri.split("@")[1]), "the rest of it is told"
    for error in (
        BadInput("INPUT_X", f"no {uri}", value={"uri": uri}, hint=f"not {uri}"),
        JobError("X", f"no {uri}"),
        ValueError(f"no {uri}"),
        # Longer than a message may be: cut after it is masked, else the end of the password were missed.
        ValueError("x" * (lovage_job.MAX_MESSAGE - len("ValueError: ") - 10) + f" {uri}"),
        RayWrapped(OSError(errno.EROFS, f"read-only: {uri}")),
    ):
        log = ended(raising(error, cause=RuntimeError(f"{uri} is away"))).log
        assert "hunter2" not in log and "***@" in log
    assert "hunter2" not in outcome.log


def test_what_is_no_password_is_told() -> None:
    for text in ("s3://bucket/a@b.csv", "http://host:9000/a@b.csv", "mail a@b.c", "x://h/ and y@z"):
        assert masked(text) == text


def test_parts_of_a_job_share_its_progress(ended: Ended) -> None:
    def main(_request: Request, job: lovage_job.Job) -> dict[str, int]:
        first, second = job.part(0, 0.4), job.part(0.4, 1)
        first.progress(0.5, "a")
        first.part(0.5, 1).progress(0.5, "b")
        second.progress(0, "c")
        second.progress(0, "c")
        second.progress(None, "d")
        second.progress(7, "e")
        return {}

    progress = [(each["message"], each["fraction"]) for each in ended(main).progress]
    assert progress == [("a", 0.2), ("b", pytest.approx(0.3)), ("c", 0.4), ("d", None), ("e", 1.0)]
