import { LovageError } from "../core/errors.ts";
import { isEnded } from "../core/states.ts";
import type { Broker } from "./broker.ts";
import type { JobPlace } from "./idempotency.ts";
import { readSnapshot } from "./snapshot.ts";

/**
 * Removes a job that has ended, with its result and its log.
 * @throws LovageError `JOB_NOT_ENDED`, `JOB_NOT_FOUND`
 */
export async function forgetJob(broker: Broker, { queue, id }: JobPlace): Promise<void> {
  const { state, endedAt, rayJob } = await readSnapshot(broker, queue, id);
  // A cancelled job may still lie in its queue; one with a Ray job is left to the worker that stops that.
  const ended = isEnded(state) && (state !== "cancelled" || endedAt !== undefined || rayJob === undefined);
  if (!ended) {
    const hint =
      state === "cancelled" ? "a worker ends it; try again then" : "wait for its end, or cancel it first";
    throw notEnded(id, `is ${state}`, hint);
  }
  // BullMQ refuses what a worker holds: the job itself, or one that it called and that would go with it.
  if ((await broker.queueAt(queue, id).remove(id)) !== 1)
    throw notEnded(id, "or one that it called is still held by a worker", "try again when that has ended");
}

function notEnded(id: string, is: string, hint: string): LovageError {
  return new LovageError("JOB_NOT_ENDED", `job ${id} ${is}, so it cannot be forgotten yet`, {
    field: "id",
    value: id,
    hint,
  });
}
