import * as z from "zod";
import { ErrorRecord } from "./job-shapes.ts";
import { WorkerName } from "./shapes.ts";

/** What came of a question: every worker it was for is in one of the lists. */
export function Answers<Answer extends z.ZodType>(answer: Answer) {
  return z.object({
    answers: z.array(z.object({ worker: z.string(), answer, milliseconds: z.number() })),
    refusals: z.array(z.object({ worker: z.string(), error: ErrorRecord })),
    silent: z.array(z.string()).meta({ description: "Live by their beats, but without an answer in time" }),
    dead: z.array(z.string()).meta({ description: "Without a beat for ten seconds; they were not asked" }),
  });
}

/** Up to a minute: a request must not hang. */
export const WorkerTimeout = z
  .union([
    z.string().regex(/^(([1-5]?\d|60)s|([1-9]\d{0,3}|[1-5]\d{4}|60000)(ms)?)$/),
    z.number().min(1).max(60_000),
  ])
  .meta({
    id: "WorkerTimeout",
    description: 'How long answers are waited for at most, up to a minute. Default "1s"',
  });

/** Whom a request is for. */
export const asked = {
  workers: z.array(WorkerName).min(1).max(1000).optional().meta({ description: "Default: all" }),
  timeout: WorkerTimeout.optional(),
};

export const ActiveJob = z
  .object({
    id: z.string(),
    task: z.string(),
    queue: z.string(),
    attempt: z.number(),
    startedAt: z.string(),
    running: z.number().meta({ description: "Milliseconds" }),
    rayJob: z.string().nullable(),
    input: z.string(),
  })
  .meta({ id: "ActiveJob" });

export const RegisteredTask = z
  .object({
    name: z.string(),
    queue: z.string(),
    kind: z.enum(["task", "ray", "workflow"]),
    served: z.boolean(),
  })
  .meta({ id: "RegisteredTask" });

export const ServedQueue = z
  .object({ name: z.string(), concurrency: z.number(), active: z.number(), paused: z.boolean() })
  .meta({ id: "ServedQueue" });

export const WorkerStats = z
  .object({
    pid: z.number(),
    host: z.string(),
    startedAt: z.string(),
    uptime: z.number(),
    queues: z.array(ServedQueue),
    completed: z.number(),
    failed: z.number(),
    retried: z.number(),
    cancelled: z.number(),
    expired: z.number(),
    handedBack: z.number(),
    lastTakenAt: z.string().nullable(),
    eventLoopLag: z.number(),
    memory: z.object({
      rss: z.number(),
      heapUsed: z.number(),
      heapTotal: z.number(),
      external: z.number(),
    }),
    cpu: z.object({ user: z.number(), system: z.number() }),
  })
  .meta({ id: "WorkerStats" });

export const WorkerReport = z
  .object({
    lovage: z.string(),
    node: z.string(),
    v8: z.string(),
    openssl: z.string(),
    platform: z.string(),
    arch: z.string(),
    cpus: z.number(),
    host: z.string(),
    pid: z.number(),
    redis: z.string(),
    memory: z.object({ total: z.number(), free: z.number(), rss: z.number(), heapLimit: z.number() }),
  })
  .meta({ id: "WorkerReport" });

export const WorkerView = z
  .object({
    name: z.string(),
    instance: z.string(),
    host: z.string(),
    pid: z.number(),
    version: z.string(),
    at: z.number().meta({
      description: "Of its last beat: milliseconds since 1970 by its own clock, as all its moments",
    }),
    age: z.number().meta({ description: "Milliseconds since its last beat" }),
    startedAt: z.number(),
    queues: z.array(ServedQueue.extend({ takenAt: z.number().nullable() }).meta({ id: "BeatQueue" })),
    completed: z.number(),
    failed: z.number(),
    retried: z.number(),
    lag: z.number(),
    rss: z.number(),
    stopping: z.boolean(),
    rayClusters: z
      .record(z.string(), z.enum(["closed", "open", "half-open"]))
      .optional()
      .meta({
        description: "The Ray clusters it knows; closed: taken for up. Nothing is begun on one that is open",
      }),
    state: z.enum(["alive", "stuck", "stopping", "dead"]),
    why: z.string(),
  })
  .meta({ id: "WorkerView" });
