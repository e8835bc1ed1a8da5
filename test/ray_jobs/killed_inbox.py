"""Runs process_new_data in children that are killed right before the k-th change they make to the file
system.

The changes are seen by Python's audit events, so the program itself has no hook for it. Children are forked,
since loading the libraries anew for each of a hundred runs would take minutes.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys

CHANGES = {
    *("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.utime", "os.truncate"),
    "shutil.rmtree",
}


def main(programs: str, datasets: str, mode: str) -> None:
    """Writes one line of JSON for each copy of the folder: where it is, whether its first run was killed,
    and what the last one reported. The runs are attempts of one job.
    """
    sys.path.insert(0, programs)
    import csv_conversion  # noqa: F401
    import process_new_data  # noqa: F401
    import row_plan  # noqa: F401

    number = 0
    rng = random.Random(5)
    while True:
        number += 1
        copy = f"{datasets}-{mode}-{number}"
        shutil.copytree(datasets, copy, copy_function=shutil.copy2)
        steps = [number] if mode == "every" else [rng.randrange(1, 90) for _ in range(3)]
        was_killed = [_run(copy, attempt, step) for attempt, step in enumerate(steps, 1)]
        if _run(copy, len(steps) + 1, None):
            sys.exit("the run that was not to be killed died")
        with open(_report(copy), encoding="utf-8") as file:
            counts = json.load(file)["counts"]
        line = {"datasets": copy, "killed": was_killed[0], "steps": steps, "counts": counts}
        print(json.dumps(line), flush=True)
        if (mode == "every" and not was_killed[0]) or (mode != "every" and number == 8):
            return


def _report(datasets: str) -> str:
    return os.path.join(os.path.dirname(datasets), f"report of {os.path.basename(datasets)}.json")


def _run(datasets: str, attempt: int, step: int | None) -> bool:
    child = os.fork()
    if child == 0:
        _child(datasets, attempt, step)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    if os.WEXITSTATUS(status) != 0:
        sys.exit(f"step {step}: the program failed")
    return False


def _child(datasets: str, attempt: int, step: int | None) -> None:
    import lovage_job
    import process_new_data

    left = step

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        writes = (
            event == "open"
            and isinstance(arguments[2], int)
            and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        )
        if left is None or not (event in CHANGES or writes) or not str(arguments[0]).startswith(datasets):
            return
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    environ = {
        "LOVAGE_DATASETS_DIR": datasets,
        "LOVAGE_MODELS_DIR": datasets,
        "LOVAGE_JOB_ID": "job-1",
        "LOVAGE_SUBMISSION_ID": f"job-1-a{attempt}",
        "LOVAGE_ATTEMPT": str(attempt),
    }
    job = lovage_job.Job(environ)
    job.progress = lambda *_args, **_details: None  # type: ignore[method-assign]
    try:
        report = process_new_data.main(process_new_data.Request(settle_seconds=0), job)
        with open(_report(datasets), "w", encoding="utf-8") as file:
            json.dump(report, file)
    except BaseException as error:  # noqa: BLE001 - a forked child must not run its parent's code
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
