"""The inbox: each file exactly once, whatever happens in between."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas
import pytest
from conftest import PROGRAMS, JobEnv, RunProgram
from inbox import Inbox

KILLER = Path(__file__).with_name("killed_inbox.py")

FILES = {
    "a.csv": "id,name\n1,x\n2,y\n",
    "b.csv": "id,day\n7,2024-01-01\nbroken\n8,2024-01-02\n",
    "copy of a.csv": "id,name\n1,x\n2,y\n",
    "c.csv": "id,id\n1,2\n",
}


def fill(datasets: Path, files: dict[str, str] = FILES) -> None:
    (datasets / "new").mkdir(exist_ok=True)
    for number, (name, text) in enumerate(files.items()):
        (datasets / "new" / name).write_text(text)
        os.utime(datasets / "new" / name, (number, number))


def tree(datasets: Path) -> set[str]:
    return {str(p.relative_to(datasets)) for p in datasets.rglob("*") if p.is_file()}


def check_all_done(datasets: Path) -> None:
    """Every file is where it belongs, once, and nothing else is left."""
    found = tree(datasets)
    csvs = [p for p in found if p.endswith(".csv") and not p.endswith(".rejects.csv")]
    by_folder = sorted((p.split("/")[0], (datasets / p).read_text()) for p in csvs)
    a, b, _, c = FILES.values()
    assert by_folder == sorted([("processed", a), ("processed", b), ("duplicates", a), ("failed", c)])
    results = sorted(p for p in found if p.endswith(".parquet"))
    assert len(results) == 2
    frames = [pandas.read_parquet(datasets / p).to_dict("list") for p in results]
    assert {"id": [1, 2], "name": ["x", "y"]} in frames
    assert [f["id"] for f in frames if "day" in f] == [[7, 8]]
    notes = {p for p in found if p.endswith(".json") and not p.startswith(".")}
    assert notes == {f"{p}.{kind}.json" for p in csvs for kind in ("reason", "duplicate")
                     if p.startswith({"reason": "failed", "duplicate": "duplicates"}[kind])}  # fmt: skip
    rejects = [p for p in found if p.endswith(".rejects.csv")]
    assert len(rejects) == 1 and "1 fields instead of 2" in (datasets / rejects[0]).read_text()
    assert len([p for p in found if "/ledger/" in p]) == 2
    assert not [p for p in found if "partial" in p or p.startswith(("claimed/", "new/"))]
    assert not list((datasets / "claimed").iterdir())


def test_a_run(job_env: JobEnv, run_program: RunProgram) -> None:
    data = job_env.datasets
    fill(data)
    for name in (".hidden.csv", "d.csv.part", "notes.txt", "x.tmp"):
        (data / "new" / name).write_text("x")
    outcome = run_program("process_new_data.py", {"settleSeconds": 0.2}, ray=False)
    assert outcome.exit_code == 0, outcome.log
    report = outcome.result
    assert report["counts"] == {"processed": 2, "failed": 1, "duplicates": 1, "waiting": 0, "ignored": 1,
                                "rowsWritten": 4, "rowsRejected": 1}  # fmt: skip
    assert report["ignored"] == ["notes.txt"] and report["busy"] is False
    assert report["failed"][0]["code"] == "INPUT_CSV_BROKEN"
    assert json.loads((data / "failed" / "c.csv.reason.json").read_text())["code"] == "INPUT_CSV_BROKEN"
    note = json.loads(next((data / "duplicates").glob("*.duplicate.json")).read_text())
    assert note["parquet"] == report["duplicates"][0]["parquet"] and (data / note["parquet"]).exists()
    assert sorted(os.listdir(data / "new")) == [".hidden.csv", "d.csv.part", "notes.txt", "x.tmp"]
    shutil.rmtree(data / "new")
    check_all_done(data)

    # Later: the same name with another content, and once more the same content under another name.
    fill(data, {"a.csv": "id,name\n3,z\n", "again.csv": FILES["a.csv"]})
    report = run_program("process_new_data.py", {"settleSeconds": 0}, ray=False).result
    assert (report["counts"]["processed"], report["counts"]["duplicates"]) == (1, 1)
    assert (data / "processed" / "a.csv").read_text() == FILES["a.csv"], "never overwritten"
    assert len(list((data / "parquet").iterdir())) == 3


def test_files_that_are_written_to_are_left(job_env: JobEnv, run_program: RunProgram) -> None:
    data = job_env.datasets
    fill(data, {"old.csv": "id\n1\n"})
    growing = data / "new" / "growing.csv"
    stop = threading.Event()

    def write() -> None:
        with open(growing, "w") as file:
            file.write("id\n")
            while not stop.wait(0.02):
                file.write("1\n")
                file.flush()
                os.utime(growing, (0, 0))  # as tools do that keep the original's time

    writer = threading.Thread(target=write)
    writer.start()
    try:
        report = run_program("process_new_data.py", {"settleSeconds": 0.5}, ray=False).result
    finally:
        stop.set()
        writer.join()
    assert [p["name"] for p in report["processed"]] == ["old.csv"]
    assert report["waiting"] == ["growing.csv"] and growing.exists()
    rows = len(growing.read_text().split()) - 1
    report = run_program("process_new_data.py", {"settleSeconds": 0.3}, ray=False).result
    assert report["processed"][0]["rowsWritten"] == rows and report["waiting"] == []


def test_a_large_file_goes_through_ray(job_env: JobEnv, run_program: RunProgram) -> None:
    rows = 500_000
    text = "id,note\n" + "".join(f'{i},"some, text of {i} and more"\n' for i in range(rows))
    assert len(text) > 16 * 1024 * 1024
    fill(job_env.datasets, {"large.csv": text})
    outcome = run_program("process_new_data.py", {"settleSeconds": 0})
    assert outcome.exit_code == 0, outcome.log[-2000:]
    (entry,) = outcome.result["processed"]
    frame = pandas.read_parquet(job_env.datasets / entry["parquet"])
    assert (
        list(frame["id"]) == list(range(rows))
        and frame["note"].iloc[-1] == f"some, text of {rows - 1} and more"
    )


def test_two_runs_at_once(job_env: JobEnv, run_program: RunProgram) -> None:
    fill(job_env.datasets)
    inbox = Inbox(str(job_env.datasets), "other-run")
    with inbox.locked() as mine:
        assert mine
        claim = inbox.claim("a.csv")
        assert claim
        report = run_program("process_new_data.py", {"settleSeconds": 0}, ray=False).result
        assert report["busy"] is True and report["counts"]["processed"] == 0
        assert os.path.exists(claim.path), "the claim of a live run is left alone"
        assert (job_env.datasets / "new" / "b.csv").exists()
        with open(job_env.datasets / ".lovage-inbox" / "lock") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    # That run is over without having finished: its claim is taken up.
    report = run_program("process_new_data.py", {"settleSeconds": 0}, ray=False).result
    assert report["counts"]["processed"] == 2
    check_all_done(job_env.datasets)


def killed(datasets: Path, *steps: str) -> list[dict[str, object]]:
    """Runs the program again and again on copies of a folder, killed at the given steps; see
    killed_inbox.py.
    """
    done = subprocess.run(
        [sys.executable, KILLER, PROGRAMS, datasets, *steps], stdout=subprocess.PIPE, timeout=300, check=True
    )
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def test_killed_at_every_step(job_env: JobEnv) -> None:
    """SIGKILL before every single change of the file system, then a run to the end: nothing lost, nothing
    twice.
    """
    began = time.monotonic()
    fill(job_env.datasets)
    runs = killed(job_env.datasets, "every")
    assert len(runs) > 60, "so many changes does a run make"
    assert all(run["killed"] for run in runs[:-1]) and not runs[-1]["killed"]
    # Killed again in the run that mends, and a third time.
    for run in runs + killed(job_env.datasets, "thrice"):
        check_all_done(Path(str(run["datasets"])))
        # Whichever attempt did it, the last one tells of it.
        assert run["counts"] == {"processed": 2, "failed": 1, "duplicates": 1, "waiting": 0, "ignored": 0,
                                 "rowsWritten": 4, "rowsRejected": 1}, run["steps"]  # fmt: skip
        shutil.rmtree(str(run["datasets"]))
    print(f"{len(runs)} steps in {time.monotonic() - began:.0f} s")
