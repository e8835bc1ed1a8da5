"""The inbox with files that are odd, change at a bad moment, or cannot be worked on, all in this process."""

from __future__ import annotations

import builtins
import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import inbox as inbox_module
import lovage_job
import new_csv
import process_new_data
import pytest
from conftest import JobEnv
from inbox import Claim, Inbox
from inbox_names import fitted
from inbox_report import Account
from lovage_job import JobError
from process_new_data import Request

GOOD = "id,name\n1,x\n2,y\n"

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(job_env: JobEnv, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the program on the job's folders; its report must fit its result."""

    def run(attempt: int = 1, job: str = "job-1", **request: Any) -> dict[str, Any]:
        ids = {"LOVAGE_JOB_ID": job, "LOVAGE_SUBMISSION_ID": f"{job}-a{attempt}"}
        environ = {**job_env.environ, **ids, "LOVAGE_ATTEMPT": str(attempt)}
        monkeypatch.setenv("LOVAGE_SUBMISSION_ID", environ["LOVAGE_SUBMISSION_ID"])
        request = {"settle_seconds": 0, **request}
        report = process_new_data.main(Request(**request), lovage_job.Job(environ))
        assert len(json.dumps(report, allow_nan=False)) < lovage_job.MAX_RESULT_BYTES
        return report

    return run


@pytest.fixture
def data(job_env: JobEnv) -> Path:
    (job_env.datasets / "new").mkdir()
    return job_env.datasets


def put(data: Path, name: str, text: str = GOOD) -> Path:
    path = data / "new" / name
    path.write_text(text)
    return path


def names(data: Path, folder: str) -> list[str]:
    return sorted(os.listdir(data / folder))


def refuse_to_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the right to read a file away, from root too."""
    path.chmod(0)
    real = builtins.open

    def refusing(file: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(file, str) and os.path.basename(file) == path.name:
            raise PermissionError(errno.EACCES, "Permission denied", file)
        return real(file, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", refusing)


def test_awkward_files_do_not_keep_others(data: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_to_read(put(data, "secret.csv", "id\n9\n"), monkeypatch)
    (data / "new" / os.fsdecode(b"caf\xe9.csv")).write_text("id\n8\n")
    put(data, "nul.csv", "id,na\0me\n1,2\n")
    put(data, "z.csv")
    report = run()
    failed = {each["name"]: each["code"] for each in report["failed"]}
    assert [each["name"] for each in report["processed"]] == ["z.csv"]
    assert failed.pop("nul.csv") in ("INPUT_CSV_BROKEN", "INPUT_FILE_UNUSABLE")
    assert failed == {"secret.csv": "INPUT_FILE_UNREADABLE", "caf\ufffd.csv": "INPUT_FILE_NAME"}
    assert names(data, "new") == names(data, "claimed") == []
    for name in ("secret.csv", "nul.csv", os.fsdecode(b"caf\xe9.csv")):
        reason = json.loads((data / "failed" / f"{name}.reason.json").read_text())
        assert reason["code"].startswith("INPUT_")


@pytest.mark.parametrize("name", ["x" * 245 + ".csv", "漢" * 80 + ".csv", "é" * 125 + "x.csv"])
def test_names_may_be_as_long_as_a_file_system_allows(data: Path, run: Run, name: str) -> None:
    assert 244 <= len(name.encode()) <= 255
    put(data, name, "id,n\n1,2\nbroken\n")
    report = run()
    (done,) = report["processed"]
    assert done["rowsWritten"] == 1 and (data / done["parquet"]).exists() and done["name"] == name
    assert Path(done["file"]).exists() and Path(done["file"] + ".rejects.csv").exists()
    put(data, name, "id,n\n1,2\nbroken\n")
    put(data, name[1:], "id,id\n")
    report = run()
    assert (report["counts"]["duplicates"], report["counts"]["failed"]) == (1, 1)
    assert Path(report["duplicates"][0]["file"] + ".duplicate.json").exists()
    assert Path(report["failed"][0]["file"] + ".reason.json").exists()
    assert names(data, "new") == names(data, "claimed") == []


def test_names_are_cut_between_characters() -> None:
    for stem in ("a" * 300, "漢" * 100, "a" + "漢" * 100, os.fsdecode(b"\xe9" * 300)):
        name = fitted(stem, ".csv", room=16)
        assert 235 <= len(os.fsencode(name)) <= 239 and name.endswith(".csv") and stem.startswith(name[:-4])
    assert fitted("a", ".csv", room=16) == "a.csv"


def failing(monkeypatch: pytest.MonkeyPatch, errors: dict[str, Exception]) -> None:
    real = new_csv.convert

    def convert(options: Any, job: Any, claim: Claim, **places: str) -> dict[str, int]:
        if claim.name in errors:
            raise errors[claim.name]
        return real(options, job, claim, **places)

    monkeypatch.setattr(new_csv, "convert", convert)


def test_what_an_engine_refuses_fails_the_file(data: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    put(data, "a.csv")
    put(data, "b.csv", "id\n1\n")
    failing(monkeypatch, {"a.csv": duckdb.BinderException("no such thing " + "x" * 5000)})
    report = run()
    assert [each["name"] for each in report["processed"]] == ["b.csv"]
    assert report["failed"][0]["code"] == "INPUT_FILE_UNUSABLE" and len(report["failed"][0]["message"]) <= 500


@pytest.mark.parametrize(
    ("error", "retry"),
    [
        (OSError(errno.EIO, "Input/output error"), True),
        (MemoryError(), True),
        (JobError("PROCESS_LOST", "a process died"), True),
        (PermissionError(errno.EACCES, "Permission denied", "/elsewhere"), False),
    ],
)
def test_other_faults_keep_the_claim_and_the_rest_is_done(
    data: Path, run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, retry: bool
) -> None:
    put(data, "a.csv")
    put(data, "b.csv", "id\n1\n")
    with monkeypatch.context() as during:
        failing(during, {"a.csv": error})
        with pytest.raises(JobError) as caught:
            run()
    assert (caught.value.code, caught.value.retry) == ("INBOX_FILES_LEFT", retry)
    assert "a.csv" in caught.value.message and caught.value.__cause__ is error
    assert names(data, "processed") == ["b.csv"] and names(data, "failed") == names(data, "new") == []
    # The next attempt takes it up, and tells of what the first one did.
    report = run(attempt=2)
    assert sorted(each["name"] for each in report["processed"]) == ["a.csv", "b.csv"]
    assert report["counts"]["rowsWritten"] == 3 and names(data, "claimed") == []
    # Another job tells of its own files only.
    assert run(job="job-2")["counts"]["processed"] == 0


def test_when_nothing_can_be_worked_on_no_more_is_taken(
    data: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = [f"{number}.csv" for number in range(9)]
    for name in every:
        put(data, name, f"id\n{name[0]}\n")
    with monkeypatch.context() as during:
        failing(during, {name: OSError(errno.ENOSPC, "No space left on device") for name in every})
        with pytest.raises(JobError, match="5 files could not be worked on"):
            run()
        assert len(names(data, "new")) == 4
        # Those five do not keep the rest from being tried.
        with pytest.raises(JobError, match="9 files could not be worked on"):
            run(attempt=2)
    assert run(attempt=3)["counts"]["processed"] == 9


def test_a_file_that_may_not_be_moved_is_left(data: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    put(data, "a.csv")
    put(data, "b.csv", "id\n1\n")
    real = os.rename

    def rename(source: str, target: str) -> None:
        if source == str(data / "new" / "a.csv"):
            raise PermissionError(errno.EPERM, "Operation not permitted", source)
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(JobError) as caught:
        run()
    assert (caught.value.code, caught.value.retry) == ("INBOX_FILES_LEFT", False)
    assert names(data, "processed") == ["b.csv"] and names(data, "new") == ["a.csv"]
    assert names(data, "claimed") == []


def test_stillness_is_judged_when_a_file_is_taken(
    data: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        put(data, name, f"id\n{ord(name[0])}\n")
    (data / "outside.csv").write_text("id\n666\n")
    # Longer than a busy machine takes for one file: what is written meanwhile must still count as new.
    time.sleep(2.1)
    real = new_csv.convert

    def convert(*args: Any, **kwargs: Any) -> dict[str, int]:
        with open(data / "new" / "b.csv", "a") as file:
            file.write("1\n")
        (data / "new" / "c.csv").unlink(missing_ok=True)
        (data / "new" / "c.csv").symlink_to(data / "outside.csv")
        monkeypatch.setattr(new_csv, "convert", real)
        return real(*args, **kwargs)

    monkeypatch.setattr(new_csv, "convert", convert)
    report = run(settle_seconds=2)
    assert [each["name"] for each in report["processed"]] == ["a.csv"]
    assert report["waiting"] == ["b.csv"] and report["ignored"] == ["c.csv"]
    time.sleep(2.1)
    report = run(settle_seconds=2)
    assert [each["rowsWritten"] for each in report["processed"]] == [2], "whole"


def test_what_is_put_in_place_right_before_the_rename_is_given_back(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = data / "outside.csv"
    outside.write_text("id\n666\n")
    inbox = Inbox(str(data), "run")
    real = inbox_module.rename

    def swapping(source: str, target: str) -> None:
        os.unlink(source)
        os.symlink(outside, source)
        monkeypatch.setattr(inbox_module, "rename", real)
        real(source, target)

    with inbox.locked():
        path = put(data, "a.csv")
        monkeypatch.setattr(inbox_module, "rename", swapping)
        assert inbox.claim("a.csv") is None
        assert path.is_symlink() and names(data, "claimed") == []
        assert inbox.arrived(0).strange == ["a.csv"]


def test_times_to_come_do_not_keep_a_file(data: Path, run: Run) -> None:
    later = time.time() + 10 * 365 * 24 * 3600
    os.utime(put(data, "a.csv"), (later, later))
    assert run(settle_seconds=0.2)["counts"]["processed"] == 1


@pytest.mark.parametrize("links", [True, False])
def test_a_newcomer_is_not_replaced(data: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:

        def refused(*_args: Any, **_kwargs: Any) -> None:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")

        monkeypatch.setattr(os, "link", refused)
    inbox = Inbox(str(data), "run")
    with inbox.locked():
        put(data, "a.csv", "id\n1\n")
        claim = inbox.claim("a.csv")
        assert claim
        put(data, "a.csv", "id\n2\n")
        inbox.give_back(claim)
        texts = {(data / "new" / name).read_text() for name in names(data, "new")}
        assert texts == {"id\n1\n", "id\n2\n"} and names(data, "claimed") == []
        assert len(inbox.arrived(0).still) == 2


def test_a_file_that_was_half_given_back_is_there_once(
    data: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = Inbox(str(data), "run")
    with inbox.locked():
        put(data, "a.csv")
        claim = inbox.claim("a.csv")
        assert claim

        def killed(_path: str) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as during, pytest.raises(KeyboardInterrupt):
            during.setattr(os, "unlink", killed)
            inbox.give_back(claim)
    assert names(data, "new") == ["a.csv"] and os.path.exists(claim.path)
    report = run()
    assert (report["counts"]["processed"], report["counts"]["duplicates"]) == (1, 0)
    assert names(data, "new") == names(data, "claimed") == []


def test_only_its_own_unfinished_output_is_swept_away(data: Path, run: Run) -> None:
    others = [data / folder / ".lovage-partial.job-7.0a1b2c3d.out.csv" for folder in ("parquet", "processed")]
    work = data / ".lovage-inbox" / "work"
    for path in (*others, work / "old.parquet"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (work / ".lovage-partial.job-6.0a1b2c3d.parts").mkdir()
    put(data, "a.csv")
    assert run()["counts"]["processed"] == 1
    assert all(path.exists() for path in others), "another job is at work there"
    assert list(work.iterdir()) == []


def test_a_result_fits_and_a_file_has_all(data: Path, run: Run) -> None:
    stems = {f"{number:03d}" + "漢" * 75 for number in range(250)}
    for stem in stems:
        put(data, f"{stem}.csv", "id,id\n")
    put(data, "good.csv")
    for number in range(300):
        put(data, f"{number:03d}" + "漢" * 80 + ".txt")
    report = run()
    assert report["counts"]["failed"] == 250 and report["counts"]["ignored"] == 300
    assert 20 < len(report["failed"]) < 200 and 20 < len(report["ignored"]) < 200
    lines = [json.loads(line) for line in (data / report["report"]).read_text().splitlines()]
    assert {line["name"][:-4] for line in lines if line["kind"] == "failed"} == stems
    (good,) = [line for line in lines if line["kind"] == "processed"]
    assert report["processed"] == [{k: v for k, v in good.items() if k not in ("claim", "kind")}]
    assert run(job="job-2")["report"] is None


def test_a_retry_tells_of_what_a_dead_attempt_had_finished(
    data: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {"a.csv": GOOD, "b.csv": GOOD, "c.csv": "id,id\n", "d.csv": "id\n1\n"}.items():
        put(data, name, text)
        time.sleep(0.01)
    real, moves = Inbox.finish, []

    def finish(self: Inbox, claim: Claim, path: str) -> None:
        moves.append(path)
        if len(moves) == 3:
            raise KeyboardInterrupt
        real(self, claim, path)

    with monkeypatch.context() as during, pytest.raises(KeyboardInterrupt):
        during.setattr(Inbox, "finish", finish)
        run()
    (account,) = (data / ".lovage-inbox" / "reports").iterdir()
    with open(account, "a") as file:
        file.write('{"claim": "cut off')
    counts = run(attempt=2)["counts"]
    assert (counts["processed"], counts["duplicates"], counts["failed"]) == (2, 1, 1)
    assert counts["rowsWritten"] == 3
    assert run(attempt=3)["counts"] == counts, "each once"


def test_old_reports_go(data: Path, run: Run) -> None:
    put(data, "a.csv")
    report = data / run()["report"]
    os.utime(report, (0, 0))
    run(job="job-2")
    assert not report.exists()


def test_progress_goes_on_from_file_to_file(data: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        put(data, f"{number}.csv", "id,text\n" + f"{number},some text\n" * 20_000)
    events: list[dict[str, Any]] = []
    monkeypatch.setattr(lovage_job, "_emit", events.append)
    monkeypatch.setattr(new_csv, "HASH_BYTES", 10_000)
    run()
    fractions = [each["fraction"] for each in events if each["fraction"] is not None]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    for number in range(4):
        within = [e["fraction"] for e in events if e["message"] == f"{number}.csv: hashing"]
        assert within and all(number / 4 <= each / 0.99 <= (number + 1) / 4 for each in within)


def test_lists_are_bounded_by_count_and_bytes(tmp_path: Path) -> None:
    account = Account(str(tmp_path), str(tmp_path / "report.jsonl"))
    for number in range(300):
        account.add(f"s/{number}/x", "duplicate", {"name": "x"})
    report = account.result(["n"] * 1000, ["漢" * 80] * 1000)
    assert len(report["duplicates"]) == len(report["waiting"]) == 200 and len(report["ignored"]) < 100
    assert (report["counts"]["duplicates"], report["counts"]["ignored"]) == (300, 1000)
