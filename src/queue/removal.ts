import { LovageError } from "../core/errors.ts";
import { type Broker, jobNotFound } from "./broker.ts";
import type { JobPlace } from "./idempotency.ts";
import { readSnapshot } from "./snapshot.ts";

/**
 * Removes a job that has ended, with its result and its log.
 * @throws LovageError `JOB_NOT_ENDED`, `JOB_NOT_FOUND`
 */
export async function forgetJob(broker: Broker, { queue, id }: JobPlace): Promise<void> {
  const { state, endedAt, rayJob } = await readSnapshot(broker, queue, id);
  // A cancelled job may still lie in its queue; one with a Ray job is left to the worker that stops that.
  const untouched = state === "cancelled" && rayJob === undefined;
  if (endedAt === undefined && !untouched) {
    throw new LovageError("JOB_NOT_ENDED", `job ${id} is ${state}, so it cannot be forgotten yet`, {
      field: "id",
      value: id,
      hint:
        state === "cancelled" ? "a worker ends it; try again then" : "wait for its end, or cancel it first",
    });
  }
  const removed = await broker.queue(queue).remove(id);
  if (removed === 0) throw jobNotFound(id);
}
