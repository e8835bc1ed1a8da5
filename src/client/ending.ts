import type { ErrorRecord } from "../core/errors.ts";
import { isEnded } from "../core/states.ts";
import type { JobSnapshot } from "../queue/snapshot.ts";

/** How a job ended. */
export type Ending = { output: unknown } | { error: ErrorRecord };

/** What tells of a job's end. */
export type Told = Pick<JobSnapshot, "id" | "state" | "output" | "error">;

/** Undefined while it has not ended. */
export function endingOf(snapshot: Told): Ending | undefined {
  if (snapshot.state === "completed") return { output: snapshot.output };
  return isEnded(snapshot.state) ? { error: errorOf(snapshot) } : undefined;
}

/** Why a job ended without a result. */
export function errorOf(snapshot: Omit<Told, "output">): ErrorRecord {
  if (snapshot.state === "cancelled" && snapshot.error?.code !== "JOB_CANCELLED") {
    return { code: "JOB_CANCELLED", message: `job ${snapshot.id} was cancelled`, retryable: false };
  }
  return snapshot.error ?? { code: "JOB_FAILED", message: `job ${snapshot.id} failed`, retryable: false };
}
