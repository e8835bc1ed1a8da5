"""Test program: prints numbered lines evenly over some seconds, and notes its beginning and end in a file."""

import os
import time

import lovage_job


class Request(lovage_job.Model):
    seconds: float = 0
    lines: int = 1


def main(request: Request, job: lovage_job.Job) -> dict:
    def note(what: str) -> None:
        # One write to a file that is open for appending: lines of several programs do not mix.
        with open(os.path.join(job.datasets_dir, f"steps-{job.id}"), "a") as ledger:
            ledger.write(f"{what} {job.submission_id} {os.getpid()} {time.time() * 1000:.0f}\n")

    note("begin")
    begun = time.monotonic()
    for line in range(request.lines):
        print(f"step {line:05d}")
        time.sleep(max(0, begun + request.seconds * (line + 1) / request.lines - time.monotonic()))
    note("end")
    return {"lines": request.lines, "attempt": job.attempt}


if __name__ == "__main__":
    lovage_job.run(main, Request)
