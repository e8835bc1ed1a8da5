import type { Broker } from "./broker.ts";
import { type QueueOverview, readQueues } from "./queue-overview.ts";
import { readRegistry, silentAfter, type WorkerRecord } from "./registry.ts";

/**
 * `dead`: no beat for ten seconds. `stuck`: it is alive, but its event loop was held up for more than five seconds, or
 * it has free slots and took none of the jobs that have waited for more than ten seconds.
 */
export type WorkerState = "alive" | "stuck" | "stopping" | "dead";

/** A worker and how it is. */
export interface WorkerView extends WorkerRecord {
  state: WorkerState;
  /** Why it is stuck or dead; else empty. */
  why: string;
}

/** How long jobs may wait for a free worker before it counts as stuck, in milliseconds. */
export const stuckAfter = 10_000;

/** How long the event loop may be held up before the worker counts as stuck, in milliseconds. */
export const longestLag = 5000;

/** All workers that are not forgotten, with what their beats and their queues together say of them. */
export async function readWorkers(broker: Broker): Promise<WorkerView[]> {
  const [records, queues] = await Promise.all([readRegistry(broker), readQueues(broker)]);
  return records.map((record) => judge(record, queues));
}

export function isDead({ age }: Pick<WorkerRecord, "age">): boolean {
  return age >= silentAfter;
}

/** Moments of a worker are compared with its own clock only: those of two machines may disagree. */
export function judge(
  record: WorkerRecord,
  queues: readonly Pick<QueueOverview, "queue" | "waiting" | "oldestMilliseconds" | "paused">[],
): WorkerView {
  if (isDead(record)) {
    return { ...record, state: "dead", why: `no beat for ${Math.round(record.age / 1000)} s` };
  }
  if (record.stopping) return { ...record, state: "stopping", why: "" };
  if (record.lag > longestLag) {
    return {
      ...record,
      state: "stuck",
      why: `its event loop was held up for ${(record.lag / 1000).toFixed(1)} s`,
    };
  }
  const neglected = record.queues.find(({ name, concurrency, active, takenAt, paused }) => {
    const queue = queues.find((candidate) => candidate.queue === name);
    if (queue === undefined || queue.paused || paused || active >= concurrency) return false;
    const idle = record.at + record.age - Math.max(takenAt ?? 0, record.startedAt);
    return queue.waiting > 0 && (queue.oldestMilliseconds ?? 0) > stuckAfter && idle > stuckAfter;
  });
  if (neglected === undefined) return { ...record, state: "alive", why: "" };
  return {
    ...record,
    state: "stuck",
    why: `it takes no jobs from ${neglected.name}, though jobs wait and it has free slots`,
  };
}
