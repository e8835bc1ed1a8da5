import { LovageError } from "../core/errors.ts";
import { isTerminal, type RayJob } from "../ray-client-http/index.ts";
import type { RayDefinition } from "../task/definition.ts";
import { find, refuseReplaced } from "./find.ts";
import type { RayHost } from "./host.ts";
import type { Mirror } from "./mirror.ts";
import { patienceOf, type RayParts } from "./parts.ts";
import { pauseUnlessAborted, withPatience } from "./patience.ts";
import { type RayRecord, writeRecord } from "./record.ts";
import { stopRayJob } from "./stop.ts";
import { isDoubtful } from "./verdict.ts";

/**
 * A Ray job is looked at each time it has become older by three hundredths, so its end is noticed late by no more than
 * that: about sixty looks in the first five seconds. After the very first look there is none while the program's Python
 * starts, which takes half a second and more: each takes CPU from it on a small head. Milliseconds.
 */
const poll = { first: 700, least: 20, most: 5000, ofAge: 0.03, withResult: 100 };

/** A 404 may be a hiccup of a restarting head; so many in a row are not. */
const missesBeforeLost = 3;

/** Polls a Ray job until it is terminal, within its deadlines. */
export async function watch(
  parts: RayParts,
  record: RayRecord,
  definition: RayDefinition,
  mirror: Mirror,
  host: RayHost,
): Promise<RayJob> {
  const begun = Date.now();
  let misses = 0;
  let doubted = false;
  for (;;) {
    const rayJob = await find(parts, record.submissionId, host);
    if (rayJob === undefined) {
      misses += 1;
      await refuseReplaced(parts, record, host);
      if (misses >= missesBeforeLost) throw await lost(record, host);
    } else {
      misses = 0;
      const goesOn = await isFalselyFailed(parts, rayJob, mirror, host);
      if (isTerminal(rayJob.status) && !goesOn) return rayJob;
      if (goesOn && !doubted)
        host.logger.warn(
          { errorType: rayJob.errorType },
          "Ray calls the Ray job failed, but its program goes on",
        );
      doubted = goesOn;
      if (rayJob.status !== "PENDING") await noteRunning(record, host);
      const error = overdue(record, definition);
      if (error !== undefined) {
        // Kept first: whoever goes on after a hand-back in the middle of the stop comes to the same verdict.
        const { code, message, retryable } = error;
        await writeRecord(host, record, { overdue: { code, message, retryable } });
        await stopRayJob(parts, record, host);
        throw error;
      }
    }
    // With the result in hand only the status is waited for.
    const near = mirror.result !== undefined || mirror.failure !== undefined;
    const most = near ? poll.withResult : poll.most;
    const age = Date.now() - begun;
    const interval = age < poll.first ? poll.first : Math.min(most, Math.max(poll.least, age * poll.ofAge));
    await pauseUnlessAborted(interval, host.signal);
  }
}

async function lost(record: RayRecord, host: RayHost): Promise<LovageError> {
  await writeRecord(host, record, { settled: true });
  return new LovageError("RAY_JOB_LOST", `the cluster no longer knows the Ray job ${record.submissionId}`);
}

/** With the result in hand the Ray job is over; without it another attempt would run beside a program that goes on. */
async function isFalselyFailed(
  parts: RayParts,
  rayJob: RayJob,
  { result, failure }: Mirror,
  host: RayHost,
): Promise<boolean> {
  const { submissionId } = rayJob;
  if (!isDoubtful(rayJob) || submissionId === null || result !== undefined || failure !== undefined)
    return false;
  try {
    return await withPatience(patienceOf(host, parts), (options) =>
      parts.client.isSupervised(submissionId, options),
    );
  } catch (error) {
    host.signal.throwIfAborted();
    host.logger.warn({ err: error }, "whether the Ray job's program goes on could not be found out");
    return false;
  }
}

async function noteRunning(record: RayRecord, host: RayHost): Promise<void> {
  if (record.runningSince !== undefined) return;
  await writeRecord(host, record, { runningSince: Date.now() });
  host.logger.info({ milliseconds: Date.now() - record.submittedAt }, "the Ray job runs");
}

/** The error of the deadline that has passed. */
function overdue(record: RayRecord, { deadlines }: RayDefinition): LovageError | undefined {
  const now = Date.now();
  if (record.runningSince === undefined) {
    if (now - record.submittedAt <= deadlines.start) return undefined;
    return new LovageError("RAY_NOT_STARTED", `the Ray job did not start within ${deadlines.start} ms`, {
      field: "deadlines.start",
      value: deadlines.start,
      hint: "the cluster may lack the resources it asks for; see `lovage ray nodes`",
    });
  }
  if (now - record.runningSince <= deadlines.run) return undefined;
  return new LovageError(
    "RAY_RUN_TIMEOUT",
    `the Ray job ran longer than ${deadlines.run} ms and was stopped`,
    { field: "deadlines.run", value: deadlines.run },
  );
}
