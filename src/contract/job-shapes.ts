import * as z from "zod";
import { Anything, Moment, Queue, State } from "./shapes.ts";

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

/** Programs may add fields of their own. */
export const Progress = z
  .looseObject({ fraction: z.number().min(0).max(1).nullable(), message: z.string() })
  .meta({ id: "Progress" });

export const JobSnapshot = z
  .object({
    id: z.string(),
    task: z.string(),
    queue: z.string(),
    state: State,
    attempt: z.number().meta({ description: "Attempts begun so far" }),
    attempts: z.number().meta({ description: "Attempts in all" }),
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
    calls: z.number().optional().meta({ description: "How many calls a workflow has made" }),
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
    at: Moment.nullable().meta({ description: "When it may start; null unless it is scheduled" }),
    worker: z.string().nullable(),
    tags: z.array(z.string()),
    input: z.string().meta({ description: "The beginning of its input, as JSON" }),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    rayJob: z.string().nullable(),
  })
  .meta({ id: "FoundJob" });

/** A part may hold few jobs, or none, and still not be the last. */
export const JobPage = z
  .object({
    jobs: z.array(FoundJob),
    cursor: z.string().nullable(),
    looked: z.number(),
    total: z.number(),
  })
  .meta({ id: "JobPage" });

export const JobResult = z
  .object({
    state: State,
    output: Anything.optional().meta({
      description: "When it completed; absent where the result was ignored",
    }),
    error: ErrorRecord.optional().meta({ description: "When it failed, was cancelled or expired" }),
  })
  .meta({ id: "JobResult" });

export const LogPart = z
  .object({
    lines: z.array(z.string()),
    from: z.number().meta({ description: "Number of the first line given, counted from 0" }),
    next: z.number().meta({ description: "Number of the line after the last: where the next look goes on" }),
  })
  .meta({ id: "LogPart" });

export const LogLine = z.object({ line: z.string() }).meta({ id: "LogLine" });

/** The last event of what follows one job. */
export const StreamEnd = z.object({ state: State }).meta({ id: "StreamEnd" });

export const CancelOutcome = z
  .object({ outcome: z.enum(["cancelled", "cancelling", "ended"]) })
  .meta({ id: "CancelOutcome" });

export const CancelledMany = z
  .object({
    jobs: z.array(
      z.object({
        id: z.string(),
        task: z.string(),
        queue: z.string(),
        outcome: z.enum(["cancelled", "cancelling", "ended", "dry-run"]),
      }),
    ),
    more: z.boolean().meta({ description: "Whether there are more such jobs than the limit" }),
  })
  .meta({ id: "CancelledMany" });

const Ending = z.object({ code: z.string(), message: z.string() });

/** A workflow or one of its calls, with what it called in turn. */
export const WorkflowNode = z.object({
  kind: z.enum(["task", "sleep", "step"]),
  name: z.string(),
  id: z.string(),
  queue: z.string(),
  state: State,
  attempt: z.number(),
  attempts: z.number(),
  enqueuedAt: Moment.optional(),
  startedAt: Moment.optional(),
  endedAt: Moment.optional(),
  error: Ending.optional(),
  counts: z.object({
    calls: z.number(),
    completed: z.number(),
    failed: z.number(),
    pending: z.number(),
  }),
  get calls() {
    return z.array(WorkflowNode);
  },
});
z.globalRegistry.add(WorkflowNode, { id: "WorkflowNode" });

const Happening = {
  id: z.string(),
  task: z.string().optional(),
  queue: z.string(),
  at: Moment,
  cursor: z.string(),
};

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
