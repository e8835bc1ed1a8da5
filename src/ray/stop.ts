import { describeError, LovageError } from "../core/errors.ts";
import { isTerminal, type RayClient, RayError, type RayJobStatus } from "../ray-client-http/index.ts";
import { stopMark } from "../task/ray-stop-mark.ts";
import type { RayHost } from "./host.ts";
import { patienceOf, type RayParts, withId } from "./parts.ts";
import { type Patience, pauseUnlessAborted, withPatience } from "./patience.ts";
import { parseRecord, type RayRecord, writeRecord } from "./record.ts";
import { isDoubtful } from "./verdict.ts";

/** How long an aborted job itself repeats the stop of its Ray job, in milliseconds. */
const stopPatience = 15_000;

/** So many looks at a Ray job that has not started; then it is left to the reaper, and the job gives its slot back. */
const pendingLooks = 4;

/**
 * Ray says "stopped" of a PENDING job and does nothing until its supervisor has started, so the stop is repeated until
 * the status proves it: here for a while, then by the reaper, so that the job need not hold its slot for that.
 */
export async function stopRayJob(parts: RayParts, record: RayRecord, job: RayHost): Promise<void> {
  const id = record.submissionId;
  const host = withId(job, record);
  const mark = stopMark(record);
  await host.stops.add(mark);
  const deadline = AbortSignal.timeout(stopPatience);
  const patient: Patience = { ...patienceOf(host, parts), signal: deadline };
  let pending = 0;
  try {
    for (let pause = 300; ; pause = Math.min(pause * 1.5, 2000)) {
      const status = await withPatience(patient, ({ signal }) => stopOnce(parts.client, id, signal));
      // A submit whose answer was lost may still be on its way.
      if (status === undefined) throw new LovageError("RAY_JOB_LOST", "the cluster does not know it");
      if (isTerminal(status)) {
        await host.stops.remove(mark);
        host.logger.info({ status }, "the Ray job is stopped");
        break;
      }
      pending += status === "PENDING" ? 1 : 0;
      if (pending > pendingLooks) {
        throw new LovageError("DEADLINE_EXCEEDED", "it has not started, so it cannot stop yet");
      }
      await pauseUnlessAborted(pause, deadline);
    }
  } catch (error) {
    const reason = describeError(error);
    host.logger.warn({ reason }, "the Ray job is left to the reaper, which stops it when it can");
  }
  await writeRecord(host, record, { settled: true });
}

/** Has the reaper stop a Ray job of which it is not known that it ended, once its job is over without it. */
export async function leaveToReaper(host: Pick<RayHost, "readRayJob" | "stops">): Promise<void> {
  const record = parseRecord(await host.readRayJob());
  if (record !== undefined && !record.settled) await host.stops.add(stopMark(record));
}

/** Tells a Ray job to stop unless it has ended; its status before, or undefined when the cluster does not know it. */
export async function stopOnce(
  client: RayClient,
  submissionId: string,
  signal?: AbortSignal,
): Promise<RayJobStatus | undefined> {
  try {
    const rayJob = await client.get(submissionId, { signal });
    // The stop reaches the supervisor, where there is one, whatever Ray calls the Ray job.
    if (!isTerminal(rayJob.status) || isDoubtful(rayJob)) await client.stop(submissionId, { signal });
    return rayJob.status;
  } catch (error) {
    if (error instanceof RayError && error.code === "RAY_NOT_FOUND") return undefined;
    throw error;
  }
}
