"""A trace is a courtesy: a program ends as it would without one, whatever its collector does. (Where spans arrive is tested
with the workers: test/observe/tracing.test.ts.)
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import PROGRAMS

PROGRAM = """
import lovage_job
class Request(lovage_job.Model):
    pass
def main(request, job):
    %s
lovage_job.run(main, Request)
"""
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def run(folder: Path, body: str, **environ: str) -> tuple[int, str, float]:
    program = folder / "program.py"
    program.write_text(PROGRAM % body, encoding="utf-8")
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROGRAMS), "LOVAGE_INPUT": "{}", **environ}
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(program)], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr, time.monotonic() - begun


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ("return {'rows': 3}", 0, '"value":{"rows":3}'),
        ("raise lovage_job.BadInput('NO_ROWS', 'it is empty')", 64, '"code":"NO_ROWS"'),
        ("raise ValueError('boom')", 1, '"code":"PROGRAM_FAILED"'),
    ],
)
def test_a_collector_that_is_away_changes_nothing(tmp_path: Path, body: str, code: int, told: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
    ended, output, seconds = run(
        tmp_path, body, TRACEPARENT=TRACEPARENT, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint
    )
    assert ended == code
    assert told in output
    assert seconds < 30


@pytest.mark.parametrize(
    "environ",
    [
        {"TRACEPARENT": TRACEPARENT},
        {"TRACEPARENT": "nonsense", "OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
    ],
)
def test_half_a_setting_or_a_wrong_one_changes_nothing(tmp_path: Path, environ: dict[str, str]) -> None:
    ended, output, _ = run(tmp_path, "return 5", **environ)
    assert ended == 0
    assert '"value":5' in output


def test_without_the_exporter_there_is_no_span_and_nothing_else_changes(tmp_path: Path) -> None:
    missing = "import sys; sys.modules['opentelemetry.exporter'] = None"
    (tmp_path / "sitecustomize.py").write_text(missing, encoding="utf-8")
    environ = {"TRACEPARENT": TRACEPARENT, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    path = os.pathsep.join([str(tmp_path), str(PROGRAMS)])
    ended, output, _ = run(tmp_path, "return 5", **environ, PYTHONPATH=path)
    assert ended == 0
    assert '"value":5' in output


def test_opentelemetry_is_not_loaded_without_a_trace(tmp_path: Path) -> None:
    body = "import sys; return [name for name in sys.modules if name.startswith('opentelemetry')]"
    ended, output, _ = run(tmp_path, body)
    assert ended == 0
    assert '"value":[]' in output
