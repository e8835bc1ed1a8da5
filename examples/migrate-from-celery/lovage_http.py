"""Lovage from Python, over its HTTP API and by the standard library alone.

    lovage = Lovage("https://10.0.0.84:5555", os.environ["LOVAGE_API_KEY"])
    id = lovage.enqueue("tasks.simple_tasks.ping", {}, idempotency_key="order-4711")
    print(lovage.result(id, timeout=30))

A certificate of one's own authority is trusted by SSL_CERT_FILE, as by all of Python.
"""

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

# A proxy without an answer, a busy API, a Redis that is away: the same request may be sent again.
AGAIN = {429, 502, 503, 504}
LONGEST_POLL = 50


class LovageError(Exception):
    """What Lovage answered; `code` never changes."""

    def __init__(self, code, message, hint=None):
        super().__init__(f"{code}: {message}" + (f" ({hint})" if hint else ""))
        self.code = code


class Lovage:
    """`timeout` is how many seconds a call waits for an API that is away before it fails."""

    def __init__(self, url, key, timeout=10):
        self.url = url.rstrip("/") + "/api/v1"
        self.key = key
        self.timeout = timeout

    def enqueue(self, task, input, idempotency_key=None, **options):
        """Makes a job and returns its id; `options` are those of docs/calling.md, such as delay="10m".

        Every request carries a key or an id, so that one which is sent again makes no second job.
        """
        headers = {} if "id" in options else {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        job = self._send("POST", "/jobs", {"task": task, "input": input, "options": options}, headers)
        return job["id"]

    def find(self, id):
        """The job as it is now, or None when Lovage has none of this id."""
        try:
            return self._send("GET", f"/jobs/{urllib.parse.quote(id, safe='')}")
        except LovageError as error:
            if error.code == "JOB_NOT_FOUND":
                return None
            raise

    def result(self, id, timeout=None):
        """Waits until the job has ended; returns its result, or raises its error."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = LONGEST_POLL if end is None else min(LONGEST_POLL, max(0, end - time.monotonic()))
            job = self._send("GET", f"/jobs/{urllib.parse.quote(id, safe='')}/result?timeout={int(left * 1000)}ms")
            if job["state"] == "completed":
                return job.get("output")
            if job["state"] in ("failed", "cancelled", "expired"):
                raise LovageError(job["error"]["code"], job["error"]["message"], job["error"].get("hint"))
            if end is not None and time.monotonic() >= end:
                raise LovageError("WAIT_TIMEOUT", f"job {id} is {job['state']} after {timeout} s; it goes on")

    def cancel(self, id, reason="cancelled by a caller"):
        return self._send("POST", f"/jobs/{urllib.parse.quote(id, safe='')}/cancel", {"reason": reason})

    def _send(self, method, path, body=None, headers=None):
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Authorization", f"Bearer {self.key}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        end = time.monotonic() + self.timeout
        while True:
            try:
                with urllib.request.urlopen(request, timeout=LONGEST_POLL + 10) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as answer:
                wait = float(answer.headers.get("Retry-After") or 0.5)
                error = _error_of(answer)
                if answer.code not in AGAIN or time.monotonic() + wait > end:
                    raise error from None
            except (OSError, http.client.HTTPException, json.JSONDecodeError) as why:
                wait = 0.5
                if time.monotonic() + wait > end:
                    raise LovageError("API_UNAVAILABLE", f"{self.url} does not answer: {why}") from why
            time.sleep(wait)


def _error_of(answer):
    try:
        problem = json.load(answer)
        return LovageError(problem["code"], problem["detail"], problem.get("hint"))
    except (ValueError, KeyError):
        return LovageError("API_UNAVAILABLE", f"{answer.url} answered {answer.code}, and not in Lovage's words")
