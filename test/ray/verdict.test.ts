import { expect, test } from "vitest";
import { LovageError } from "#task";
import { type Evidence, judge } from "../../src/ray/verdict.ts";
import type { RayJob } from "../../src/ray-client-http/index.ts";

const rayJob: RayJob = {
  type: "SUBMISSION",
  jobId: "01",
  submissionId: "s",
  driverInfo: null,
  status: "SUCCEEDED",
  entrypoint: "python x.py",
  message: null,
  errorType: null,
  startTime: 1,
  endTime: 2,
  metadata: {},
  runtimeEnv: {},
  driverAgentHttpAddress: null,
  driverNodeId: null,
  driverExitCode: 0,
};
const result = { value: 7 };
const failure = new LovageError("INPUT_X", "bad", { retryable: false });

const cases: [string, Partial<RayJob>, Partial<Evidence>, object][] = [
  ["success with its result", {}, { result }, { type: "succeeded", value: 7 }],
  ["success without one", {}, {}, { error: { code: "RAY_RESULT_MISSING", retryable: true } }],
  [
    "a failure the program told",
    { status: "FAILED" },
    { failure },
    { error: { code: "INPUT_X", retryable: false } },
  ],
  [
    "a program that died",
    { status: "FAILED", driverExitCode: 7 },
    {},
    { error: { code: "RAY_JOB_FAILED", retryable: true } },
  ],
  [
    "a result, and yet a bad end",
    { status: "FAILED", errorType: "JOB_ENTRYPOINT_COMMAND_ERROR", driverExitCode: 1 },
    { result },
    { error: { code: "RAY_JOB_FAILED" } },
  ],
  [
    "a false FAILED: the supervisor died after the result was written",
    { status: "FAILED", errorType: "JOB_SUPERVISOR_ACTOR_DIED" },
    { result },
    { type: "succeeded", value: 7 },
  ],
  [
    "a supervisor that died",
    { status: "FAILED", errorType: "JOB_SUPERVISOR_ACTOR_DIED" },
    {},
    { error: { code: "RAY_SUPERVISOR_FAILED", retryable: true } },
  ],
  [
    "an environment that cannot be made",
    { status: "FAILED", errorType: "RUNTIME_ENV_SETUP_FAILURE" },
    {},
    // A package index or a download that failed may work the next time; Ray's text cannot tell it from a typing error.
    { error: { code: "RAY_SETUP_FAILED", retryable: true } },
  ],
  [
    "stopped by somebody",
    { status: "STOPPED" },
    { failure },
    { error: { code: "RAY_JOB_STOPPED", retryable: false } },
  ],
];

test.each(cases)("%s", (_what, changes, evidence, expected) => {
  expect(
    judge({ rayJob: { ...rayJob, ...changes }, result: undefined, failure: undefined, ...evidence }),
  ).toMatchObject(expected);
});
