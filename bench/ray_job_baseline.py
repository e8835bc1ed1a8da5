"""The baseline of ray-job.ts: Ray's own client, which submits, polls four times a second, and then reads the log.

Reads one JSON object a line (the arguments of `submit_job`) and answers each with one line: seconds, status, log.
"""

import json
import sys
import time

from ray.job_submission import JobStatus, JobSubmissionClient

POLL_SECONDS = 0.25
FINISHED = {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.STOPPED}


def run(client: JobSubmissionClient, submission: dict) -> dict:
    """Runs one Ray job to its end."""
    begun = time.perf_counter()
    submission_id = client.submit_job(**submission)
    while (status := client.get_job_status(submission_id)) not in FINISHED:
        time.sleep(POLL_SECONDS)
    log = client.get_job_logs(submission_id)
    return {"seconds": time.perf_counter() - begun, "status": str(status.value), "log": log}


def main(address: str) -> None:
    """Serves until standard input ends."""
    client = JobSubmissionClient(address)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(run(client, json.loads(line))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
