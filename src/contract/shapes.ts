import * as z from "zod";
import { jobStates } from "../core/states.ts";
import { queueNames } from "../task/definition.ts";

/** ISO 8601 on the wire, a Date on both sides. */
export const Moment = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

export const Queue = z.enum(queueNames);
export const State = z.enum(jobStates);
/** "30s", "15m", or a number of milliseconds. */
export const Duration = z.union([z.string().max(100), z.number().nonnegative()]);
/** Whatever a task takes or gives; its own schema says more. */
export const Anything = z.unknown();

/** RFC 9457, with Lovage's own members. */
export const Problem = z
  .object({
    /** Where the code is explained. */
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.string(),
    field: z.string().optional(),
    value: z.string().optional(),
    hint: z.string().optional(),
    retryable: z.boolean(),
  })
  .meta({ id: "Problem" });

export const JobPlace = z
  .object({ id: z.string(), task: z.string(), queue: z.string() })
  .meta({ id: "JobPlace" });

export const ErrorRecord = z
  .object({
    code: z.string(),
    message: z.string(),
    retryable: z.boolean(),
    field: z.string().optional(),
    value: z.string().optional(),
    hint: z.string().optional(),
    stack: z.string().optional(),
    cause: z.string().optional(),
  })
  .meta({ id: "ErrorRecord" });

export const Progress = z
  .looseObject({ fraction: z.number().nullable().optional(), message: z.string().optional() })
  .meta({ id: "Progress" });

export const JobSnapshot = z
  .object({
    id: z.string(),
    task: z.string(),
    queue: z.string(),
    state: State,
    attempt: z.number(),
    attempts: z.number(),
    progress: Progress.optional(),
    enqueuedAt: Moment,
    startedAt: Moment.optional(),
    endedAt: Moment.optional(),
    worker: z.string().optional(),
    input: Anything.optional(),
    output: Anything.optional(),
    error: ErrorRecord.optional(),
    cancelRequested: z.boolean(),
    rayJob: z.object({ submissionId: z.string(), attempt: z.number(), sessionName: z.string() }).optional(),
    tags: z.array(z.string()),
    metadata: z.record(z.string(), z.unknown()),
    replayOf: z.string().optional(),
    replayedBy: z.string().optional(),
    calls: z.number().optional(),
  })
  .meta({ id: "JobSnapshot" });

export const FoundJob = z
  .object({
    id: z.string(),
    task: z.string(),
    queue: Queue,
    state: State,
    attempt: z.number(),
    attempts: z.number(),
    priority: z.number(),
    enqueuedAt: Moment,
    startedAt: Moment.nullable(),
    endedAt: Moment.nullable(),
    at: Moment.nullable(),
    worker: z.string().nullable(),
    tags: z.array(z.string()),
    input: z.string(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    rayJob: z.string().nullable(),
  })
  .meta({ id: "FoundJob" });

const Continuation = z.strictObject({
  task: z.string(),
  input: Anything.optional(),
  into: z.string().min(1).optional(),
});

/** The options of a call; `idempotencyKey` travels as the header `Idempotency-Key`, or here with a lifetime of its own. */
export const EnqueueOptions = z
  .strictObject({
    id: z.string().max(128).optional(),
    delay: Duration.optional(),
    at: z.string().optional(),
    /** A duration, or a moment in ISO 8601. */
    expires: Duration.optional(),
    priority: z.number().int().min(0).max(9).optional(),
    queue: Queue.optional(),
    attempts: z.number().int().min(1).max(1000).optional(),
    backoff: Duration.optional(),
    maxBackoff: Duration.optional(),
    softTimeLimit: Duration.optional(),
    timeLimit: Duration.optional(),
    tags: z.array(z.string().min(1).max(100)).max(20).optional(),
    metadata: z.record(z.string(), z.unknown()).optional(),
    onSuccess: Continuation.optional(),
    onFailure: Continuation.optional(),
    idempotencyKey: z
      .union([z.string(), z.strictObject({ key: z.string(), lifetime: Duration.optional() })])
      .optional(),
    deduplication: z
      .strictObject({
        key: z.string(),
        mode: z.enum(["skip", "throttle", "debounce", "keep-last"]).optional(),
        ttl: Duration.optional(),
      })
      .optional(),
    ignoreResult: z.boolean().optional(),
    confirm: z.enum(["memory", "disk"]).optional(),
  })
  .meta({ id: "EnqueueOptions" });

export const Call = z
  .strictObject({ task: z.string(), input: Anything, options: EnqueueOptions.optional() })
  .meta({ id: "Call" });

const Happening = {
  id: z.string(),
  task: z.string().optional(),
  queue: z.string(),
  at: Moment,
  cursor: z.string(),
};
const Ending = z.object({ code: z.string(), message: z.string() });

export const LiveEvent = z
  .discriminatedUnion("type", [
    z.object({
      ...Happening,
      type: z.enum(["enqueued", "waiting", "active", "waiting-children", "stalled", "removed"]),
    }),
    z.object({ ...Happening, type: z.enum(["scheduled", "retrying"]), until: Moment }),
    z.object({ ...Happening, type: z.literal("progress"), progress: Progress }),
    z.object({ ...Happening, type: z.literal("completed"), output: Anything.optional() }),
    z.object({ ...Happening, type: z.enum(["failed", "cancelled", "expired"]), error: Ending }),
    z.object({ type: z.literal("gap"), queue: z.string(), at: Moment, cursor: z.string() }),
  ])
  .meta({ id: "LiveEvent" });
