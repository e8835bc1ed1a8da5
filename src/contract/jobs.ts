import * as z from "zod";
import { Call, Composition, EnqueueOptions, ReplayOptions } from "./call-shapes.ts";
import {
  CancelledMany,
  CancelOutcome,
  JobPage,
  JobPlace,
  JobResult,
  JobSnapshot,
  LiveEvent,
  LogLine,
  LogPart,
  Progress,
  StreamEnd,
  WorkflowNode,
} from "./job-shapes.ts";
import { operation } from "./operation.ts";
import {
  Anything,
  Cursor,
  ErrorCodeText,
  JobId,
  Moment,
  Queue,
  State,
  several,
  Tag,
  TaskName,
  WorkerName,
  whole,
} from "./shapes.ts";

export const Id = z.strictObject({ id: JobId });
/** Ids that callers chose are unique in their queue only. */
export const InQueue = z.strictObject({ queue: Queue.optional() });
const IdempotencyKey = z.object({
  "idempotency-key": z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/)
    .optional()
    .meta({ description: "The same key and input: the same job. Another input: 409" }),
});
const LastEventId = z.object({
  "last-event-id": z
    .string()
    .max(4000)
    .optional()
    .meta({ description: "Where a stream that was cut goes on" }),
});
export const found = ["JOB_NOT_FOUND", "JOB_AMBIGUOUS"] as const;
const enqueued = [
  "TASK_UNKNOWN",
  "CATALOGUE_EMPTY",
  "RAY_CLUSTER_UNKNOWN",
  "DATA_TOO_LARGE",
  "IDEMPOTENCY_CONFLICT",
  "NOT_DURABLE",
] as const;

export const jobs = {
  enqueue: operation({
    summary: "Enqueue a job",
    description:
      "Answers when Redis has the job, with the job that really exists: with an idempotency or a deduplication key that may be an earlier one.",
    tag: "jobs",
    method: "post",
    path: "/jobs",
    scope: "enqueue",
    headers: IdempotencyKey,
    body: Call,
    status: 201,
    answer: JobPlace,
    errors: enqueued,
  }),
  enqueueMany: operation({
    summary: "Enqueue many jobs; all are checked before the first is sent",
    tag: "jobs",
    method: "post",
    path: "/jobs/bulk",
    scope: "enqueue",
    body: z.strictObject({ calls: z.array(Call).min(1).max(1000) }),
    status: 201,
    answer: z.object({ jobs: z.array(JobPlace) }),
    errors: enqueued,
  }),
  start: operation({
    summary: "Enqueue a composition of calls as one workflow",
    tag: "jobs",
    method: "post",
    path: "/compositions",
    scope: "enqueue",
    headers: IdempotencyKey,
    body: z.strictObject({ composition: Composition, options: EnqueueOptions.optional() }),
    status: 201,
    answer: JobPlace,
    errors: enqueued,
  }),
  search: operation({
    summary: "Search jobs: those that run first, then the nearest to now",
    description:
      "A search looks at a bounded number of jobs at a time: an answer may hold few jobs, or none, and still have a cursor. It is over when the cursor is null.",
    tag: "jobs",
    method: "get",
    path: "/jobs",
    scope: "read",
    query: z.strictObject({
      id: z
        .string()
        .min(1)
        .max(500)
        .optional()
        .meta({ description: "The beginning of a job's id, or the whole" }),
      task: several(TaskName, 50).optional().meta({ description: "Of one of these tasks" }),
      queue: Queue.optional(),
      state: several(State, 8).optional(),
      tag: Tag.optional(),
      code: ErrorCodeText.optional().meta({ description: "Of the job's error" }),
      worker: WorkerName.optional(),
      since: Moment.optional().meta({ description: "Enqueued at or after this moment" }),
      until: Moment.optional().meta({ description: "Enqueued before this moment" }),
      text: z
        .string()
        .min(1)
        .max(200)
        .optional()
        .meta({ description: "In the input, the result or the error, whatever its case" }),
      limit: whole(1, 1000).optional(),
      cursor: Cursor.optional(),
    }),
    status: 200,
    answer: JobPage,
  }),
  getJob: operation({
    summary: "All that is known of a job",
    tag: "jobs",
    method: "get",
    path: "/jobs/{id}",
    scope: "read",
    params: Id,
    query: InQueue,
    status: 200,
    answer: JobSnapshot,
    errors: found,
  }),
  getResult: operation({
    summary: "A job's result; waits for it where `timeout` says so",
    description: "200 when the job has ended, however it ended; 202 when it has not within the timeout.",
    tag: "jobs",
    method: "get",
    path: "/jobs/{id}/result",
    scope: "read",
    params: Id,
    query: z.strictObject({
      queue: Queue.optional(),
      timeout: z
        .string()
        .regex(/^(([1-5]?\d|60)s|(\d{1,4}|[1-5]\d{4}|60000)(ms)?)$/)
        .optional()
        .meta({ description: 'How long to wait at most, up to a minute, as in "30s". Default: not at all' }),
    }),
    status: 200,
    answer: JobResult,
    pending: z.object({ state: State }).meta({ id: "JobPending" }),
    errors: found,
  }),
  getLogs: operation({
    summary: "Lines of a job's log",
    tag: "jobs",
    method: "get",
    path: "/jobs/{id}/logs",
    scope: "read",
    params: Id,
    query: z.strictObject({
      queue: Queue.optional(),
      from: whole(0, 1_000_000_000).optional().meta({ description: "From this line on" }),
    }),
    status: 200,
    answer: LogPart,
    errors: found,
  }),
  followLogs: operation({
    summary: "A job's log as it comes, until the job ends",
    description: "Ids are line numbers.",
    tag: "jobs",
    method: "get",
    path: "/jobs/{id}/logs/stream",
    scope: "read",
    params: Id,
    query: z.strictObject({ queue: Queue.optional(), from: whole(0, 1_000_000_000).optional() }),
    headers: LastEventId,
    status: 200,
    stream: { message: LogLine, end: StreamEnd },
    errors: found,
  }),
  followProgress: operation({
    summary: "A job's progress, the present one first, until the job ends",
    tag: "jobs",
    method: "get",
    path: "/jobs/{id}/progress",
    scope: "read",
    params: Id,
    query: InQueue,
    headers: LastEventId,
    status: 200,
    stream: { message: Progress, end: StreamEnd },
    errors: found,
  }),
  followJob: operation({
    summary: "What happens to a job, until it ends",
    description: "Ids are cursors. Of a job that has ended already its end alone is told.",
    tag: "jobs",
    method: "get",
    path: "/jobs/{id}/events",
    scope: "read",
    params: Id,
    query: z.strictObject({ queue: Queue.optional(), since: Cursor.optional() }),
    headers: LastEventId,
    status: 200,
    stream: { message: LiveEvent },
    errors: found,
  }),
  cancelJob: operation({
    summary: "Cancel a job, waiting or running; a Ray job is stopped on the cluster",
    tag: "jobs",
    method: "post",
    path: "/jobs/{id}/cancel",
    scope: "control",
    params: Id,
    body: z.strictObject({ reason: z.string().max(1000).optional(), queue: Queue.optional() }),
    bodyOptional: true,
    status: 200,
    answer: CancelOutcome,
    errors: found,
  }),
  cancelJobs: operation({
    summary: "Cancel the jobs that fit a filter",
    tag: "jobs",
    method: "post",
    path: "/jobs/cancel",
    scope: "control",
    body: z.strictObject({
      filter: z
        .strictObject({
          task: TaskName.optional(),
          tag: Tag.optional(),
          queue: Queue.optional(),
          state: z.enum(["waiting", "scheduled", "active", "waiting-children"]).optional(),
        })
        .meta({
          description: "All that is given must fit, and something must be given",
          override: { minProperties: 1 },
        }),
      options: z
        .strictObject({
          reason: z.string().max(1000).optional(),
          limit: z.number().int().min(1).max(10_000).optional(),
          dryRun: z.boolean().optional(),
        })
        .optional(),
    }),
    status: 200,
    answer: CancelledMany,
  }),
  forgetJob: operation({
    summary: "Remove an ended job with its result and log",
    tag: "jobs",
    method: "delete",
    path: "/jobs/{id}",
    scope: "control",
    params: Id,
    query: InQueue,
    status: 204,
    errors: [...found, "JOB_NOT_ENDED"],
  }),
  replayJob: operation({
    summary: "Make a new job of one that failed for good",
    description:
      "With its tags, metadata and limits, and with its input or another one. Called once more it gives the same job, unless `again`. Another input, and tasks to be called next, need the scope to enqueue them.",
    tag: "dead letters",
    method: "post",
    path: "/jobs/{id}/replay",
    scope: "control",
    params: Id,
    body: z.strictObject({
      queue: Queue.optional(),
      input: Anything.optional(),
      options: ReplayOptions.optional(),
      again: z.boolean().optional(),
    }),
    bodyOptional: true,
    status: 201,
    answer: JobPlace,
    errors: [...found, ...enqueued, "JOB_NOT_ENDED", "JOB_NOT_DEAD", "PAYLOAD_INVALID"],
  }),
  getWorkflow: operation({
    summary: "A workflow and what it called, as a tree",
    tag: "jobs",
    method: "get",
    path: "/jobs/{id}/workflow",
    scope: "read",
    params: Id,
    query: z.strictObject({
      queue: Queue.optional(),
      maxCalls: whole(1, 1000)
        .optional()
        .meta({ description: "So many calls of each workflow. Default 100" }),
    }),
    status: 200,
    answer: WorkflowNode,
    errors: found,
  }),
  followEvents: operation({
    summary: "What happens to all jobs",
    description: "Ids are cursors.",
    tag: "jobs",
    method: "get",
    path: "/events",
    scope: "read",
    query: z.strictObject({ queues: several(Queue, 3).optional(), since: Cursor.optional() }),
    headers: LastEventId,
    status: 200,
    stream: { message: LiveEvent },
  }),
};
