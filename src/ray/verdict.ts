import { LovageError } from "../core/errors.ts";
import type { RayJob } from "../ray-client-http/index.ts";

/** All that is known when a Ray job has ended. */
export interface Evidence {
  rayJob: RayJob;
  /** The value of the marked result line, if it was seen. */
  result: { value: unknown } | undefined;
  /** The marked failure line, if it was seen. */
  failure: LovageError | undefined;
}

/** The Ray job's value, or the error that says why there is none and whether another attempt can help. */
export type Verdict = { type: "succeeded"; value: unknown } | { type: "failed"; error: LovageError };

/**
 * Judges by evidence, not by the status alone: after a failover of the head Ray may call FAILED what had succeeded
 * (ray-project/ray#65608), and a program that wrote its result has done its work. `lovage_job.py` writes the result
 * last, so with it in hand only a later exit code other than 0 speaks against it.
 */
export function judge({ rayJob, result, failure }: Evidence): Verdict {
  const supervisorOnly = rayJob.status === "FAILED" && isSupervisorFault(rayJob);
  if (result !== undefined && failure === undefined && (rayJob.status === "SUCCEEDED" || supervisorOnly)) {
    return { type: "succeeded", value: result.value };
  }
  if (failure !== undefined && rayJob.status !== "STOPPED") return { type: "failed", error: failure };
  return { type: "failed", error: toError(rayJob) };
}

function isSupervisorFault(rayJob: RayJob): boolean {
  return rayJob.errorType?.startsWith("JOB_SUPERVISOR_") === true;
}

/**
 * Whether Ray may call FAILED what goes on: it says so when it lost sight of the supervisor, which an outage of the
 * head's is enough for (ray-project/ray#65025). One that could not be started is no such case.
 */
export function isDoubtful({ status, errorType }: RayJob): boolean {
  return (
    status === "FAILED" &&
    (errorType === "JOB_SUPERVISOR_ACTOR_DIED" || errorType === "JOB_SUPERVISOR_ACTOR_UNKNOWN_FAILURE")
  );
}

function toError(rayJob: RayJob): LovageError {
  const id = rayJob.submissionId ?? rayJob.jobId ?? "unknown";
  const message = (rayJob.message ?? "").trim();
  const told = message === "" ? "" : `: ${lastLines(message)}`;
  switch (rayJob.status) {
    case "STOPPED":
      return new LovageError("RAY_JOB_STOPPED", `the Ray job ${id} was stopped on the cluster`);
    case "SUCCEEDED":
      return new LovageError("RAY_RESULT_MISSING", `the Ray job ${id} succeeded but wrote no result`, {
        hint: "end the program with lovage_job.run, or with a marked result line",
      });
    default:
  }
  if (rayJob.errorType === "RUNTIME_ENV_SETUP_FAILURE") {
    return new LovageError("RAY_SETUP_FAILED", `Ray could not make the environment of ${id}${told}`);
  }
  if (isSupervisorFault(rayJob)) {
    return new LovageError(
      "RAY_SUPERVISOR_FAILED",
      `Ray lost the Ray job ${id} (${rayJob.errorType})${told}`,
    );
  }
  const exit = rayJob.driverExitCode === null ? "" : ` with exit code ${rayJob.driverExitCode}`;
  return new LovageError("RAY_JOB_FAILED", `the Ray job ${id} failed${exit}${told}`);
}

/** Ray's message of a failed job is the last part of its log; the end of it says most. */
function lastLines(message: string): string {
  const text = message.length > 1000 ? `…${message.slice(-1000)}` : message;
  return text;
}
