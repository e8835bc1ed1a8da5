import type { Broker } from "./broker.ts";
import { jobFields, type Keys } from "./keys.ts";

/** A job as limits name it in Redis: its key without the prefix. */
export function memberOf({ queue, id }: { queue: string; id: string }): string {
  return `${queue}:${id}`;
}

/** What the keys of all jobs begin with, for the scripts of limits; "" where jobs may be in other shards than a limit. */
export function jobsWithin({ shards: [home, ...others] }: Keys): string {
  return home === undefined || others.length > 0 ? "" : `${home.prefix}:`;
}

/** Whether a job may still come to what it waits for: it is there, has not ended, and was not cancelled. */
export async function waits({ redis, keys }: Broker, member: string): Promise<boolean> {
  const colon = member.indexOf(":");
  const key = keys.job(member.slice(0, colon), member.slice(colon + 1));
  const [name, finishedOn, cancel] = await redis.hmget(key, "name", "finishedOn", jobFields.cancel);
  return typeof name === "string" && typeof finishedOn !== "string" && typeof cancel !== "string";
}

/**
 * Lets a postponed job through before its time; ahead of those that wait where `first` is set. One that is not postponed
 * is left alone.
 * @param member `queue:id`
 */
export async function wakeJob(broker: Broker, member: string, first = false): Promise<void> {
  const colon = member.indexOf(":");
  const id = member.slice(colon + 1);
  const job = await broker.queueAt(member.slice(0, colon), id).getJob(id);
  if (job === undefined) return;
  try {
    await job.promote();
  } catch {
    // Not postponed yet, or no longer: whoever postpones it looks again, and whoever has it needs no waking.
    return;
  }
  // Its slot is kept for it and must not lie idle while the queue's backlog goes first.
  if (first) await job.changePriority({ priority: job.priority, lifo: true });
}
