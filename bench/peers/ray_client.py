"""Ray's own client, as its documentation uses it: submit, ask four times a second, and then read the log.

Reads one JSON list of Ray jobs a line (each the arguments of `submit_job`), runs them all at once, a thread each, and
answers with one line: the seconds until the last log is there, and of each its status and log.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from ray.job_submission import JobStatus, JobSubmissionClient

POLL_SECONDS = 0.25
FINISHED = {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.STOPPED}


def run(client: JobSubmissionClient, submission: dict) -> dict:
    """Runs one Ray job to its end."""
    submission_id = client.submit_job(**submission)
    while (status := client.get_job_status(submission_id)) not in FINISHED:
        time.sleep(POLL_SECONDS)
    return {"status": str(status.value), "log": client.get_job_logs(submission_id)}


def main(address: str) -> None:
    """Serves until standard input ends."""
    client = JobSubmissionClient(address)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        submissions = json.loads(line)
        begun = time.perf_counter()
        with ThreadPoolExecutor(len(submissions)) as threads:
            ended = list(threads.map(lambda submission: run(client, submission), submissions))
        print(json.dumps({"seconds": time.perf_counter() - begun, "ended": ended}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
