import { LovageError } from "../core/errors.ts";
import { isEnded } from "../core/states.ts";
import type { Broker } from "../queue/broker.ts";
import type { Decision } from "../queue/firing.ts";
import type { ScheduleRecord } from "../queue/schedule-record.ts";
import { readSnapshot } from "../queue/snapshot.ts";
import type { MissedPlan } from "./missed.ts";

/** What becomes of a time while the job of an earlier one may not have ended. */
export async function decideOverlap(
  broker: Broker,
  { spec, last, queued }: ScheduleRecord,
  plan: MissedPlan & { fire: number },
): Promise<Decision> {
  const fires: Decision = { ...plan, queue: null };
  if (spec.overlap === "allow") return fires;
  // A time that waits has its turn first.
  const running = queued !== null || (await isRunning(broker, last));
  if (!running) return fires;
  if (spec.overlap === "queue" && queued === null) return { ...fires, fire: null, queue: plan.fire };
  if (spec.overlap === "cancel" && last !== null)
    return { ...fires, cancels: { queue: last.queue, id: last.id } };
  return { ...fires, fire: null, skipped: plan.skipped + 1 };
}

/** Whether the job of the last firing has not ended. One that is gone has. */
export async function isRunning(broker: Broker, last: ScheduleRecord["last"]): Promise<boolean> {
  if (last === null) return false;
  try {
    return !isEnded((await readSnapshot(broker, last.queue, last.id)).state);
  } catch (error) {
    if (error instanceof LovageError && error.code === "JOB_NOT_FOUND") return false;
    throw error;
  }
}
