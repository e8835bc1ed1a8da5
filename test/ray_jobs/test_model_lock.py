"""The lock of a model: one holder at a time, and no hold for ever."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

import model_lock
from lovage_job import JobError
from model_lock import locked


def test_one_at_a_time(tmp_path: Path) -> None:
    inside, most, order = 0, 0, []
    guard = threading.Lock()

    def work(number: int) -> None:
        nonlocal inside, most
        for _ in range(10):
            with locked(str(tmp_path), f"w{number}") as check:
                with guard:
                    inside += 1
                    most = max(most, inside)
                check()
                order.append(number)
                time.sleep(0.001)
                with guard:
                    inside -= 1

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (most, len(order)) == (1, 60)
    # The last generation and its end stay; nothing else piles up.
    assert sorted(os.listdir(tmp_path)) == [".lock-60", ".lock-60.done"]
    assert (tmp_path / ".lock-60").read_text().startswith("w")


def test_an_error_lets_go(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), locked(str(tmp_path), "a"):
        raise RuntimeError
    with locked(str(tmp_path), "b") as check:
        check()


def test_a_dead_holder_is_ended_once_and_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_lock, "STALE_SECONDS", 0.3)
    held: list[str] = []
    inside = threading.Semaphore(1)

    def wait(name: str) -> None:
        with locked(str(tmp_path), name) as check:
            assert inside.acquire(blocking=False)  # never two of them
            check()
            held.append(name)
            inside.release()

    with locked(str(tmp_path), "sleeper") as check:
        check()
        began = time.monotonic()
        threads = [threading.Thread(target=wait, args=(f"w{n}",)) for n in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert time.monotonic() - began >= 0.3
        assert len(held) == 4
        with pytest.raises(JobError) as caught:
            check()
        assert (caught.value.code, caught.value.retry) == ("MODEL_LOCK_LOST", True)
    # Its late end takes the lock from nobody.
    with locked(str(tmp_path), "next") as check:
        check()


def test_a_generation_made_anew_by_a_slow_one_is_no_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        with locked(str(tmp_path), name):
            pass
    real, answers = model_lock._last, [1]
    # It looked when the first had just ended, and slept while two others came and went.
    monkeypatch.setattr(model_lock, "_last", lambda folder: answers.pop() if answers else real(folder))
    monkeypatch.setattr(model_lock, "_done", lambda folder, n: n == 1 or (tmp_path / f".lock-{n}.done").exists())
    with locked(str(tmp_path), "slow"):
        assert sorted(os.listdir(tmp_path)) == [".lock-4"]
