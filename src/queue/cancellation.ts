import { LovageError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { type Broker, jobNotFound } from "./broker.ts";
import { jobFields } from "./keys.ts";
import { wakeWorkflow } from "./parked-workflows.ts";

/** What is announced on the channel of cancellations. */
export interface CancellationNotice {
  queue: string;
  id: string;
  reason: string;
}

/**
 * Cancels a job wherever it is. The wish is recorded with the job first and announced second, so that a worker that
 * misses the announcement still finds it.
 * @returns `cancelled` when it had not started, `cancelling` when a worker runs it, `ended` when it was too late
 * @throws LovageError `JOB_NOT_FOUND`
 */
export async function cancelJob(
  broker: Broker,
  { queue, id }: { queue: string; id: string },
  reason: string,
): Promise<"cancelled" | "cancelling" | "ended"> {
  const key = broker.keys.job(queue, id);
  const wish = JSON.stringify({ reason, at: Date.now() });
  const data = await broker.redis.lovageCancel(key, jobFields.cancel, wish);
  if (data === -1) throw jobNotFound(id);
  if (data === 0) return "ended";
  await markData(broker, key, String(data), reason);
  const notice: CancellationNotice = { queue, id, reason };
  await broker.redis.publish(broker.keys.cancellations, JSON.stringify(notice));
  const state = await broker.queueAt(queue, id).getJobState(id);
  if (state === "delayed") await letThrough(broker, { queue, id });
  // Its worker cancels what it called.
  if (state === "waiting-children") await wakeWorkflow(broker, { queue, id }, "now");
  return state === "active" ? "cancelling" : "cancelled";
}

/**
 * The data travels to the worker with the job itself, so a cancelled job costs no look-up when it is taken. Nobody else
 * ever rewrites a job's data, so reading and writing it in two steps is safe.
 */
async function markData(broker: Broker, key: string, text: string, reason: string): Promise<void> {
  const call = parseJson(text) as { meta?: object } | null | undefined;
  if (typeof call !== "object" || typeof call?.meta !== "object") return;
  await broker.redis.lovageSetData(
    key,
    JSON.stringify({ ...call, meta: { ...call.meta, cancelled: { reason } } }),
  );
}

/** A cancelled job that waits for its time is let through, to be dropped soon instead of days later. */
export async function letThrough(
  broker: Broker,
  { queue, id }: { queue: string; id: string },
): Promise<void> {
  const job = await broker.queueAt(queue, id).getJob(id);
  await job?.promote().catch((error) => {
    // It is not in the delayed set, or left it in between; whoever took it drops it.
    if (error instanceof LovageError) throw error;
  });
}
