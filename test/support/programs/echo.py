"""Test program: sleeps, reports progress, and ends as its input says."""

import os
import time

import lovage_job


class Request(lovage_job.Model):
    seconds: float = 0
    text: str = ""
    lines: int = 0
    end: str = "result"


def main(request: Request, job: lovage_job.Job) -> dict:
    # One line a run in a shared file tells the tests how often the cluster really ran the program.
    with open(os.path.join(job.datasets_dir, f"runs-{job.id}"), "a") as ledger:
        ledger.write(f"{job.submission_id}\n")
    print(f"began {request.text}")
    for line in range(request.lines):
        print(f"line {line}")
    until = time.monotonic() + request.seconds
    while time.monotonic() < until:
        job.progress(1 - (until - time.monotonic()) / request.seconds, "sleeping")
        time.sleep(0.1)
    if request.end == "bad-input":
        raise lovage_job.BadInput("INPUT_BAD_TEXT", "the text is bad", field="text", value=request.text)
    if request.end == "error":
        raise RuntimeError("boom")
    if request.end == "fail-first" and job.attempt == 1:
        raise RuntimeError("the first attempt fails")
    if request.end == "die":
        os._exit(7)
    if request.end == "large":
        return {"text": "x" * 300_000, "attempt": job.attempt}
    if request.end == "silent":
        os._exit(0)
    return {"text": request.text, "attempt": job.attempt}


if __name__ == "__main__":
    lovage_job.run(main, Request)
