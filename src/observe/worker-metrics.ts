import { Counter, Gauge, Histogram } from "prom-client";
import type { Metrics } from "./metrics.ts";

/** A job, as far as counting goes; the same object at an attempt's begin and at its end. */
interface CountedJob {
  readonly task: string;
  readonly queue: string;
  readonly firstStart?: boolean;
  /** From when on a worker could take it for the first time, in milliseconds since 1970. */
  readonly dueAt?: number;
}

/** What is told as events, by how an attempt ended. */
const eventTypes = {
  completed: "completed",
  retry: "retried",
  failed: "failed",
  cancelled: "cancelled",
  expired: "expired",
  "handed-back": "handed_back",
  postponed: "postponed",
  "waiting-children": "parked",
} as const;

/** An attempt that ended so has a runtime: it was not put aside. */
const ran: readonly string[] = ["completed", "retry", "failed", "cancelled"];

/** Seconds. From what a worker does at once to what trains for hours. */
const runtimeBuckets = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 43_200];
const waitBuckets = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400];

export interface WorkerMetricParts {
  /** The catalogue; of other tasks the name is not told. */
  tasks: readonly { name: string; queue: string }[];
  /** The queues that the worker serves from its start on. */
  served: readonly string[];
  /** The queues as they are now. */
  queues(): readonly { name: string; concurrency: number; active: number; paused: boolean }[];
}

/** What a worker does, counted: the worker's and the Ray room's observers. */
export function createWorkerMetrics({ registry, beforeScrape }: Metrics, parts: WorkerMetricParts) {
  const nameOf = createNames(parts.tasks.map(({ name }) => name));
  const registers = [registry];
  const events = new Counter({
    name: "lovage_task_events_total",
    help: "What happened to attempts: started, completed, retried, failed, cancelled, expired, handed_back, postponed, parked.",
    labelNames: ["queue", "task", "type"],
    registers,
  });
  const runtime = new Histogram({
    name: "lovage_task_runtime_seconds",
    help: "How long attempts ran, until they completed, failed or were cancelled.",
    labelNames: ["task"],
    buckets: runtimeBuckets,
    registers,
  });
  const wait = new Histogram({
    name: "lovage_task_wait_seconds",
    help: "How long jobs waited from when a worker could take them until their first attempt began.",
    labelNames: ["task"],
    buckets: waitBuckets,
    registers,
  });
  const stalls = new Counter({
    name: "lovage_jobs_stalled_total",
    help: "Jobs of workers that fell silent, found by this worker and given to whoever takes them next.",
    labelNames: ["queue"],
    registers,
  });
  const active = new Gauge({
    name: "lovage_worker_active_jobs",
    help: "Jobs that the worker runs. It takes a job when it has a slot for it, so none is prefetched.",
    labelNames: ["queue"],
    registers,
  });
  const slots = new Gauge({
    name: "lovage_worker_slots",
    help: "Jobs that the worker can run at once: its concurrency, 0 while it is paused.",
    labelNames: ["queue"],
    registers,
  });
  beforeScrape(() => {
    active.reset();
    slots.reset();
    for (const queue of parts.queues()) {
      active.set({ queue: queue.name }, queue.active);
      slots.set({ queue: queue.name }, queue.paused ? 0 : queue.concurrency);
    }
  });
  // A series that begins with its first event hides that event from `rate`.
  for (const { name, queue } of parts.tasks.filter((task) => parts.served.includes(task.queue))) {
    for (const type of ["started", ...Object.values(eventTypes)]) events.inc({ queue, task: name, type }, 0);
  }
  for (const queue of parts.served) stalls.inc({ queue }, 0);
  const begun = new WeakMap<CountedJob, number>();

  return {
    started(job: CountedJob): void {
      const task = nameOf(job.task);
      begun.set(job, performance.now());
      events.inc({ queue: job.queue, task, type: "started" });
      if (job.firstStart === true && job.dueAt !== undefined)
        wait.observe({ task }, Math.max(0, Date.now() - job.dueAt) / 1000);
    },
    ended(job: CountedJob, { type: how }: { type: keyof typeof eventTypes }): void {
      const task = nameOf(job.task);
      const since = begun.get(job);
      events.inc({ queue: job.queue, task, type: eventTypes[how] });
      if (since !== undefined && ran.includes(how))
        runtime.observe({ task }, (performance.now() - since) / 1000);
    },
    stalled: (queue: string): void => stalls.inc({ queue }),
  };
}

/** Label values are few: who can name a task in a job must not be able to make a series of it. */
export function createNames(known: readonly string[]): (name: string) => string {
  const names = new Set(known);
  return (name) => (names.has(name) ? name : "other");
}
