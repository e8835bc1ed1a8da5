import type { Shard } from "./broker.ts";

/** How many jobs are removed at once, and at most. */
const slice = 1000;
const most = 10_000;

/**
 * Removes jobs that ended longer ago than they are kept. BullMQ itself does so only when another job ends, so those of a
 * queue at rest would stay.
 * @param ages milliseconds
 * @returns how many were removed
 */
export async function removeOld(
  broker: Shard,
  queue: string,
  ages: { completed: number; failed: number },
): Promise<number> {
  let removed = 0;
  for (const state of ["completed", "failed"] as const) {
    for (let some = slice; some === slice && removed < most; ) {
      some = (await broker.queue(queue).clean(ages[state], slice, state)).length;
      removed += some;
    }
  }
  return removed;
}
