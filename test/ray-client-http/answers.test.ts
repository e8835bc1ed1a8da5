import { describe, expect, it } from "vitest";
import { errorFromAnswer, lastMeaningfulLine } from "../../src/ray-client-http/answers.ts";

const wrapped = (status: number, inner: string) => `Traceback (most recent call last):
  File "/ray/dashboard/modules/job/job_head.py", line 419, in submit_job
    resp = await job_agent_client.submit_job_internal(submit_request)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
RuntimeError: Request failed with status code ${status}: Traceback (most recent call last):
  File "/ray/dashboard/modules/job/job_manager.py", line 553, in submit_job
    raise ValueError(
${inner}
.
`;
const existing =
  "ValueError: Job with submission_id a1 already exists. Please use a different submission_id.";
const jobs = "/api/jobs/";

describe("errorFromAnswer", () => {
  it.each([
    ["POST", jobs, 500, wrapped(400, existing), "RAY_CONFLICT", false],
    [
      "POST",
      jobs,
      500,
      wrapped(400, "ValueError: Invalid label selector value `in((`."),
      "RAY_REJECTED",
      false,
    ],
    [
      "POST",
      jobs,
      400,
      "TypeError: metadata values must be strings, got <class 'int'>",
      "RAY_REJECTED",
      false,
    ],
    ["POST", jobs, 500, "500 Internal Server Error\n\nServer got itself in trouble", "RAY_REJECTED", false],
    ["POST", jobs, 500, "No available agent to submit job, please try again later.", "RAY_UNAVAILABLE", true],
    ["POST", jobs, 500, wrapped(500, "ray.exceptions.RpcError: failed to connect"), "RAY_UNAVAILABLE", true],
    [
      "GET",
      "/api/jobs/a",
      500,
      "500 Internal Server Error\n\nServer got itself in trouble",
      "RAY_UNAVAILABLE",
      true,
    ],
    ["GET", "/api/jobs/a", 404, "Job a does not exist", "RAY_NOT_FOUND", false],
    ["GET", "/api/jobs", 404, "404: Not Found", "RAY_PROTOCOL", false],
    ["GET", "/api/jobs/a", 404, "<html><title>404</title></html>", "RAY_PROTOCOL", false],
    ["GET", "/api/v0/logs/file", 500, "A file is not found at: /x/job-driver-a.log", "RAY_NOT_FOUND", false],
    ["GET", "/api/v0/logs/file", 500, "Agent for node id: beef doesn't exist.", "RAY_NOT_FOUND", false],
    [
      "DELETE",
      "/api/jobs/a",
      500,
      "RuntimeError: 'a', but it is in a non-terminal state PENDING.",
      "RAY_CONFLICT",
      false,
    ],
    ["POST", jobs, 401, "Unauthorized", "RAY_UNAUTHORIZED", false],
    ["POST", jobs, 403, "Forbidden", "RAY_UNAUTHORIZED", false],
    ["POST", jobs, 405, "Method Not Allowed for browser traffic.", "RAY_PROTOCOL", false],
    ["GET", jobs, 302, "", "RAY_PROTOCOL", false],
    ["GET", jobs, 429, "", "RAY_UNAVAILABLE", true],
    ["GET", jobs, 502, "<html><title>Bad Gateway</title></html>", "RAY_UNAVAILABLE", true],
    ["GET", jobs, 503, "", "RAY_UNAVAILABLE", true],
    ["GET", jobs, 504, "", "RAY_UNAVAILABLE", true],
    [
      "PUT",
      "/api/packages/gcs/x.zip",
      413,
      "Maximum request body size exceeded",
      "RAY_PACKAGE_TOO_LARGE",
      false,
    ],
  ])("%s %s %i %j is %s", (method, path, status, text, code, retryable) => {
    expect(errorFromAnswer({ method, path, status, text })).toMatchObject({
      code,
      retryable,
      status,
      method,
      path,
    });
  });

  it("puts what Python raised into the message, and no more of the answer than an excerpt into `body`", () => {
    const error = errorFromAnswer({
      method: "POST",
      path: jobs,
      status: 500,
      text: "x".repeat(9_000) + wrapped(400, existing),
    });
    expect(error.message).toBe(
      "POST /api/jobs/ was answered 500: Job with submission_id a1 already exists. Please use a different submission_id.",
    );
    expect(error.body).toHaveLength(2_000);
    expect(error.body).toContain("already exists");
  });
});

describe("lastMeaningfulLine", () => {
  it.each([
    ["", ""],
    ["one\ntwo\n\n.\n", "two"],
    [
      "Traceback\n  File\nray.exceptions.RpcError: no route\n  to host\n",
      "ray.exceptions.RpcError: no route",
    ],
    ["<html><head><title> Bad Gateway </title></head><body>…", "Bad Gateway"],
  ])("of %j is %j", (text, line) => {
    expect(lastMeaningfulLine(text)).toBe(line);
  });
});
