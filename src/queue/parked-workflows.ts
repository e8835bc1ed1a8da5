import type { Broker, Shard } from "./broker.ts";
import { parkedQueueKeys } from "./scripts.ts";

/** How many parked workflows are looked at between two pauses for other commands. */
const batch = 100;

interface Place {
  queue: string;
  id: string;
}

/**
 * Lets a workflow that waits for its calls run again: `ended` when as few are pending as it asked to hear of, `now` in
 * any case, `check` when either has come to pass while it was not parked yet.
 */
export async function wakeWorkflow(
  broker: Broker,
  place: Place,
  why: "ended" | "now" | "check",
): Promise<void> {
  await broker.redis.lovageWake(...parkedKeys(broker, place), place.id, why);
}

/**
 * Finds the workflows of a queue that wait for calls which have all ended, or are gone, and lets them run again.
 * @returns their ids
 */
export async function sweepParkedWorkflows(broker: Shard, queue: string): Promise<string[]> {
  const woken: string[] = [];
  const parked = broker.keys.of(queue, "waiting-children");
  for (let from = 0; ; from += batch) {
    const ids = await broker.redis.zrange(parked, String(from), String(from + batch - 1));
    for (const id of ids) {
      const place = { queue, id: String(id) };
      if ((await broker.redis.lovageSweep(...parkedKeys(broker, place), place.id)) === 1)
        woken.push(place.id);
    }
    if (ids.length < batch) return woken;
  }
}

function parkedKeys({ keys }: Broker, { queue, id }: Place): string[] {
  const shard = keys.at(id);
  return [shard.job(queue, id), ...parkedQueueKeys.map((name) => shard.of(queue, name))];
}
