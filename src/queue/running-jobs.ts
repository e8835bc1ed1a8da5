import { LovageError } from "../core/errors.ts";
import { queueNames } from "../task/definition.ts";
import type { Broker } from "./broker.ts";
import { nextJobs } from "./queue-jobs.ts";
import { type JobSnapshot, readSnapshot } from "./snapshot.ts";

/** Jobs that run, the longest-running first: up to `limit` of each queue are looked at. */
export async function readRunningJobs(broker: Broker, limit: number): Promise<JobSnapshot[]> {
  const listed = await Promise.all(queueNames.map((queue) => nextJobs(broker, queue, "active", limit)));
  const snapshots = await Promise.all(
    listed.flat().map(({ queue, id }) =>
      readSnapshot(broker, queue, id).catch((error: unknown) => {
        // It has ended since, and was removed at once.
        if (error instanceof LovageError && error.code === "JOB_NOT_FOUND") return undefined;
        throw error;
      }),
    ),
  );
  return snapshots
    .filter((snapshot) => snapshot !== undefined)
    .filter(({ state }) => state === "active")
    .toSorted((a, b) => Number(a.startedAt ?? 0) - Number(b.startedAt ?? 0))
    .slice(0, limit);
}
