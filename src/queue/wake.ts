import type { Broker } from "./broker.ts";

/** A job as limits name it in Redis: its key without the prefix. */
export function memberOf({ queue, id }: { queue: string; id: string }): string {
  return `${queue}:${id}`;
}

/**
 * Lets a postponed job through before its time; ahead of those that wait where `first` is set. One that is not postponed
 * is left alone.
 * @param member `queue:id`
 */
export async function wakeJob(broker: Broker, member: string, first = false): Promise<void> {
  const colon = member.indexOf(":");
  const job = await broker.queue(member.slice(0, colon)).getJob(member.slice(colon + 1));
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
