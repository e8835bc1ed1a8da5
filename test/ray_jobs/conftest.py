"""One Ray for the whole run of the tests, folders of their own for each test, and programs run as Ray runs
them.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).resolve().parents[2] / "tasks" / "ray_jobs"
sys.path.insert(0, str(PROGRAMS))

RAY_ENVIRON = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
"""For the tests' own Ray, which only this machine reaches; whether a token is asked for otherwise hangs on
the home folder of whoever runs the tests."""

if "LOVAGE_TEST_RAY_ADDRESS" not in os.environ:
    os.environ.update(RAY_ENVIRON)

import lovage_job  # noqa: E402 - the programs' folder had to be on the path first


@dataclass(frozen=True)
class Outcome:
    """What a program left behind: its exit code, what it reported by marked lines, and everything it
    printed.
    """

    exit_code: int
    result: Any
    failure: dict[str, Any] | None
    progress: list[dict[str, Any]] = field(repr=False)
    log: str = field(repr=False)
    seconds: float = 0.0

    @classmethod
    def read(cls, exit_code: int, log: str, seconds: float) -> Outcome:
        lines = (line for line in log.split("\n") if line.startswith(lovage_job.MARKER))
        events = [json.loads(line[len(lovage_job.MARKER) :]) for line in lines]
        results = [e["value"] for e in events if e["type"] == "result"]
        failures = [e for e in events if e["type"] == "failure"]
        return cls(
            exit_code,
            results[-1] if results else None,
            failures[-1] if failures else None,
            [e for e in events if e["type"] == "progress"],
            log,
            seconds,
        )


@dataclass(frozen=True)
class JobEnv:
    """The folders and the environment of a job, as the worker would give them."""

    root: Path
    datasets: Path
    models: Path
    environ: dict[str, str]

    @property
    def job(self) -> lovage_job.Job:
        """The same job inside this process, for tests of parts."""
        return lovage_job.Job(self.environ)


@pytest.fixture
def job_env(tmp_path: Path) -> JobEnv:
    """Fresh datasets and models folders below ``tmp_path``."""
    datasets, models = tmp_path / "datasets", tmp_path / "models"
    datasets.mkdir()
    models.mkdir()
    environ = {
        "LOVAGE_DATASETS_DIR": str(datasets),
        "LOVAGE_MODELS_DIR": str(models),
        "LOVAGE_URI_SCHEMES": "",
        "LOVAGE_JOB_ID": "job-1",
        "LOVAGE_SUBMISSION_ID": "test-job-1-a1",
        "LOVAGE_TASK": "tasks.test",
        "LOVAGE_ATTEMPT": "1",
    }
    return JobEnv(tmp_path, datasets, models, environ)


def _free_ports(count: int) -> list[int]:
    # Below the range from which systems hand out ports for outgoing connections: Ray binds with SO_REUSEPORT,
    # so a port that somebody else is given a moment later would be shared with him.
    found: list[int] = []
    candidates = list(range(23500, 24000))
    random.shuffle(candidates)
    for port in candidates:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
        if len(found) == count:
            return found
    pytest.fail("no free ports from 23500 to 23999")


def _gcs_answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[str]:
    """The address of a Ray with two CPUs, shared by all tests; LOVAGE_TEST_RAY_ADDRESS names one that runs
    already.
    """
    given = os.environ.get("LOVAGE_TEST_RAY_ADDRESS")
    if given:
        yield given
        return
    port, node, objects, runtime_env, agent_http, agent_grpc, metrics, client = _free_ports(8)
    # Ray's socket paths are limited to 107 bytes, so its folder cannot lie below pytest's.
    with tempfile.TemporaryDirectory(prefix="lvr", dir="/tmp", ignore_cleanup_errors=True) as folder:
        with open(Path(folder) / "head.log", "wb") as log:
            head = subprocess.Popen(
                [
                    *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
                    *(
                        "--num-cpus=2",
                        "--include-dashboard=false",
                        "--disable-usage-stats",
                        "--node-ip-address=127.0.0.1",
                    ),
                    *(f"--port={port}", f"--node-manager-port={node}", f"--object-manager-port={objects}"),
                    *(
                        f"--runtime-env-agent-port={runtime_env}",
                        f"--dashboard-agent-listen-port={agent_http}",
                    ),
                    *(f"--dashboard-agent-grpc-port={agent_grpc}", f"--metrics-export-port={metrics}"),
                    *(f"--ray-client-server-port={client}", "--min-worker-port=0", "--max-worker-port=0"),
                    *("--object-store-memory=400000000", f"--temp-dir={folder}"),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,
                env={**os.environ, **RAY_ENVIRON},
            )
        try:
            deadline = time.monotonic() + 60
            session = Path(folder) / "session_latest" / "sockets" / "raylet"
            while not (session.exists() and _gcs_answers(port)):
                if head.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"Ray did not start:\n{(Path(folder) / 'head.log').read_text()[-3000:]}")
                time.sleep(0.1)
            yield f"127.0.0.1:{port}"
        finally:
            _stop(head)


def _end_with_parent() -> None:
    # Tests that are killed have no chance to stop their Ray; the kernel tells it (PR_SET_PDEATHSIG).
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _stop(head: subprocess.Popen[bytes]) -> None:
    # Only this process group: a wider `ray stop` would end every Ray of this machine.
    # Ray's own orderly end takes ten seconds and more, and nothing here is worth it.
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(head.pid, number)
            head.wait(timeout=2)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


RunProgram = Callable[..., Outcome]


@pytest.fixture
def run_program(job_env: JobEnv, request: pytest.FixtureRequest) -> RunProgram:
    """``run_program("training.py", {...})`` runs a program as Ray would: in its folder, input in the
    environment.

    With ``ray=False`` no cluster is started or told: for inputs that are refused before Ray is needed.
    """

    def run(
        program: str,
        value: dict[str, Any],
        *,
        ray: bool = True,
        environ: dict[str, str] | None = None,
        timeout: float = 180,
    ) -> Outcome:
        env = {**os.environ, **job_env.environ, "LOVAGE_INPUT": json.dumps(value), **(environ or {})}
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        # Without an address Ray would start a cluster of its own, and leave a token in the home folder.
        env["RAY_ADDRESS"] = request.getfixturevalue("ray_cluster") if ray else "127.0.0.1:1"
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, program],
            cwd=PROGRAMS,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
        log = done.stdout.decode("utf-8", "replace")
        return Outcome.read(done.returncode, log, time.monotonic() - began)

    return run
