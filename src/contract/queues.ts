import * as z from "zod";
import { operation } from "./operation.ts";
import { Moment, Queue, whole } from "./shapes.ts";

export const QueueOverview = z
  .object({
    queue: z.string(),
    waiting: z.number(),
    scheduled: z.number(),
    active: z.number(),
    failed: z.number(),
    oldestMilliseconds: z
      .number()
      .nullable()
      .meta({ description: "How long the oldest waiting job has waited; null when none waits" }),
    workers: z.number(),
    waitingChildren: z.number(),
    paused: z.boolean(),
  })
  .meta({ id: "QueueOverview" });

export const ListedJob = z
  .object({
    id: z.string(),
    task: z.string(),
    queue: Queue,
    state: z.enum(["waiting", "scheduled", "active", "waiting-children"]),
    at: Moment.nullable(),
    enqueuedAt: Moment,
    priority: z.number(),
    attempts: z.number(),
    tags: z.array(z.string()),
    input: z.string(),
    rayJob: z.string().nullable(),
  })
  .meta({ id: "ListedJob" });

export const Purged = z
  .object({
    waiting: z.number(),
    scheduled: z.number(),
    left: z.number().meta({ description: "Taken by a worker, or kept by a schedule, meanwhile" }),
  })
  .meta({ id: "Purged" });

export const RedisHealth = z
  .object({
    version: z.string(),
    usedBytes: z.number(),
    maxBytes: z.number().meta({ description: "0: no limit" }),
    policy: z.string(),
    appendOnly: z.boolean(),
    persistenceOk: z.boolean(),
  })
  .meta({ id: "RedisHealth" });

const Name = z.strictObject({ queue: Queue });
const Listing = z.strictObject({
  queue: Queue.optional(),
  limit: whole(1, 1000).optional().meta({ description: "Of each queue. Default 20" }),
});
const ListedJobs = z.object({ jobs: z.array(ListedJob) });

export const queues = {
  listQueues: operation({
    summary: "The queues, and how much is in them",
    tag: "queues",
    method: "get",
    path: "/queues",
    scope: "read",
    status: 200,
    answer: z.object({ queues: z.array(QueueOverview) }),
  }),
  listScheduled: operation({
    summary: "Jobs that wait for their time, the next ones first",
    tag: "queues",
    method: "get",
    path: "/queues/scheduled",
    scope: "read",
    query: Listing,
    status: 200,
    answer: ListedJobs,
  }),
  listReserved: operation({
    summary: "Jobs that are next in line",
    tag: "queues",
    method: "get",
    path: "/queues/reserved",
    scope: "read",
    query: Listing,
    status: 200,
    answer: ListedJobs,
  }),
  pauseQueue: operation({
    summary: "Pause a queue for all workers; running jobs go on",
    tag: "queues",
    method: "post",
    path: "/queues/{queue}/pause",
    scope: "control",
    params: Name,
    status: 204,
  }),
  resumeQueue: operation({
    summary: "Let workers take a paused queue's jobs again",
    tag: "queues",
    method: "post",
    path: "/queues/{queue}/resume",
    scope: "control",
    params: Name,
    status: 204,
  }),
  purgeQueue: operation({
    summary: "Remove a queue's waiting and scheduled jobs for good",
    tag: "queues",
    method: "post",
    path: "/queues/{queue}/purge",
    scope: "control",
    params: Name,
    status: 200,
    answer: Purged,
  }),
};
