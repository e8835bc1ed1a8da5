import * as z from "zod";
import type { TaskManifest } from "../task/catalogue.ts";
import { queueNames } from "../task/definition.ts";

const Nothing = z.strictObject({});
const Queue = z.enum(queueNames);
const Concurrency = z.number().int().min(1).max(1000);

/** What a worker can be asked, and with which arguments: it checks them, for anybody may publish a request. */
export const controlRequests = {
  ping: Nothing,
  active: Nothing,
  registered: Nothing,
  stats: Nothing,
  conf: Nothing,
  report: Nothing,
  "load-limits": Nothing,
  concurrency: z.strictObject({ concurrency: Concurrency, queue: Queue.optional() }),
  pause: z.strictObject({ queue: Queue.optional() }),
  resume: z.strictObject({ queue: Queue.optional() }),
  "add-queue": z.strictObject({ queue: Queue, concurrency: Concurrency.optional() }),
  "remove-queue": z.strictObject({ queue: Queue }),
  shutdown: Nothing,
} as const;

export type ControlCommand = keyof typeof controlRequests;
export type ControlArguments<C extends ControlCommand> = z.infer<(typeof controlRequests)[C]>;

/** A job that a worker runs now. */
export interface ActiveJob {
  id: string;
  task: string;
  queue: string;
  attempt: number;
  /** ISO 8601, by the worker's clock. */
  startedAt: string;
  /** Milliseconds since this worker took it. */
  running: number;
  /** The submission id of its Ray job; null where it has none. */
  rayJob: string | null;
  /** The beginning of its input, as JSON. */
  input: string;
}

export interface RegisteredTask {
  name: string;
  queue: string;
  kind: TaskManifest["kind"];
  /** Whether the worker takes jobs from the task's queue. */
  served: boolean;
}

/** A queue that a worker takes jobs from. */
export interface ServedQueue {
  name: string;
  concurrency: number;
  active: number;
  /** Whether this worker leaves its jobs alone. */
  paused: boolean;
}

export interface WorkerStats {
  pid: number;
  host: string;
  startedAt: string;
  /** Milliseconds. */
  uptime: number;
  queues: ServedQueue[];
  /** Outcomes of attempts since its start. */
  completed: number;
  failed: number;
  retried: number;
  cancelled: number;
  expired: number;
  handedBack: number;
  /** ISO 8601; null: it took none yet. */
  lastTakenAt: string | null;
  /** How late its event loop was at most within the last ten seconds, in milliseconds. */
  eventLoopLag: number;
  memory: { rss: number; heapUsed: number; heapTotal: number; external: number };
  /** Milliseconds of CPU time since its start. */
  cpu: { user: number; system: number };
}

export interface WorkerReport {
  lovage: string;
  node: string;
  v8: string;
  openssl: string;
  platform: string;
  arch: string;
  cpus: number;
  host: string;
  pid: number;
  redis: string;
  /** Bytes. */
  memory: { total: number; free: number; rss: number; heapLimit: number };
}

/** What a worker answers. */
export interface ControlAnswers {
  ping: { ok: "pong" };
  active: ActiveJob[];
  registered: RegisteredTask[];
  stats: WorkerStats;
  /** The worker's configuration; secrets are masked. */
  conf: Record<string, unknown>;
  report: WorkerReport;
  "load-limits": { loaded: true };
  /** The queues that were changed. */
  concurrency: ServedQueue[];
  pause: ServedQueue[];
  resume: ServedQueue[];
  /** All queues that it takes jobs from now. */
  "add-queue": ServedQueue[];
  "remove-queue": ServedQueue[];
  shutdown: { stopping: true };
}
