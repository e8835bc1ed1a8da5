import { Gauge } from "prom-client";
import type { Metrics } from "./metrics.ts";

/** One look at what all processes share. */
export interface SharedLook {
  /** Bytes; `max` 0: no limit. */
  memory: { used: number; max: number };
  queues: readonly {
    queue: string;
    paused: boolean;
    /** `oldestAge` in milliseconds; null: there is none, or it is not known. */
    depths: readonly { state: string; jobs: number; oldestAge: number | null }[];
  }[];
  workers: readonly { name: string; state: "alive" | "stuck" | "stopping" | "dead" }[];
  /** What the live workers of each queue can run at once. */
  capacity: readonly { queue: string; slots: number }[];
  /** Of each task with a concurrency limit. */
  slots: readonly { task: string; used: number; waiting: number; total: number | undefined }[];
}

/** How long a look is good for, in milliseconds: however many ask, Redis is asked once in that time. */
const goodFor = 1000;

/** States whose age says something. */
const agedStates: readonly string[] = ["waiting", "scheduled", "active", "waiting-children"];

/**
 * The gauges of what lies in Redis. Each process that exports them tells the same: take `max` over them.
 * @param look one bounded look; when it rejects, `lovage_redis_up` is 0 and the others are left out
 */
export function addQueueMetrics({ registry, beforeScrape }: Metrics, look: () => Promise<SharedLook>): void {
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const up = gauge("lovage_redis_up", "Whether Redis answered this process: 1 or 0.");
  const used = gauge("lovage_redis_memory_used_bytes", "Memory that Redis uses.");
  const most = gauge("lovage_redis_memory_max_bytes", "Memory that Redis may use; 0: no limit is set.");
  const jobs = gauge(
    "lovage_queue_jobs",
    "Jobs of a queue by state; cancelled and expired ones count as failed.",
    "queue",
    "state",
  );
  const age = gauge(
    "lovage_queue_oldest_job_age_seconds",
    "How long the oldest job has waited (waiting), been due (scheduled), run (active) or stood still (waiting-children); 0: none.",
    "queue",
    "state",
  );
  const paused = gauge(
    "lovage_queue_paused",
    "Whether the queue is paused for all workers: 1 or 0.",
    "queue",
  );
  const capacity = gauge(
    "lovage_queue_slots",
    "Jobs of the queue that its live workers can run at once.",
    "queue",
  );
  const online = gauge(
    "lovage_worker_online",
    "1 while the worker beats, 0 for an hour after it fell silent.",
    "worker",
  );
  const stuck = gauge(
    "lovage_worker_stuck",
    "1 while the worker is alive and takes nothing though jobs wait, or its event loop was held up.",
    "worker",
  );
  const slotsUsed = gauge("lovage_task_slots_used", "Jobs that hold a slot of the task's limit.", "task");
  const slotsWaiting = gauge("lovage_task_slots_waiting", "Jobs that wait for a slot of the limit.", "task");
  const slotsTotal = gauge("lovage_task_slots", "The task's concurrency limit over all workers.", "task");
  const shared = [jobs, age, paused, capacity, online, stuck, slotsUsed, slotsWaiting, slotsTotal];

  function show(seen: SharedLook): void {
    used.set(seen.memory.used);
    most.set(seen.memory.max);
    for (const { queue, paused: isPaused, depths } of seen.queues) {
      paused.set({ queue }, isPaused ? 1 : 0);
      for (const { state, jobs: count, oldestAge } of depths) {
        jobs.set({ queue, state }, count);
        if (agedStates.includes(state)) age.set({ queue, state }, (oldestAge ?? 0) / 1000);
      }
    }
    for (const { queue, slots } of seen.capacity) capacity.set({ queue }, slots);
    for (const { name: worker, state } of seen.workers) {
      online.set({ worker }, state === "dead" ? 0 : 1);
      stuck.set({ worker }, state === "stuck" ? 1 : 0);
    }
    for (const { task, used: taken, waiting, total } of seen.slots) {
      slotsUsed.set({ task }, taken);
      slotsWaiting.set({ task }, waiting);
      if (total !== undefined) slotsTotal.set({ task }, total);
    }
  }

  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;

  async function refresh(): Promise<void> {
    const seen = await look().catch(() => undefined);
    // What is no longer there must not stay.
    for (const one of shared) one.reset();
    for (const one of [used, most]) one.remove();
    up.set(seen === undefined ? 0 : 1);
    if (seen !== undefined) show(seen);
    lookedAt = performance.now();
  }

  beforeScrape(async () => {
    if (performance.now() - lookedAt < goodFor) return;
    looking ??= refresh().finally(() => {
      looking = undefined;
    });
    await looking;
  });
}
