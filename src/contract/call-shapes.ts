import * as z from "zod";
import type { CanvasNode } from "../task/canvas.ts";
import { Anything, Duration, JobId, Moment, Queue, shownAs, Tag, TaskName } from "./shapes.ts";

const Continuation = z
  .strictObject({
    task: TaskName,
    input: Anything.optional(),
    into: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .meta({ description: "The field of the input in which the result is put" }),
  })
  .meta({ id: "Continuation" });

const Metadata = z
  .record(z.string().max(200), z.unknown())
  .meta({ description: "Kept with the job; up to 16 KiB of JSON" });

/** What every call may ask for, wherever it is made. */
export const sharedOptions = {
  priority: z.number().int().min(0).max(9).optional().meta({ description: "0 (the default) is first" }),
  queue: Queue.optional(),
  attempts: z.number().int().min(1).max(1000).optional(),
  backoff: Duration.optional(),
  maxBackoff: Duration.optional(),
  softTimeLimit: Duration.optional(),
  timeLimit: Duration.optional(),
  rayCluster: z
    .string()
    .max(100)
    .optional()
    .meta({ description: "The Ray cluster that a Ray task's program runs on, instead of its task's" }),
  tags: z.array(Tag).max(20).optional(),
  metadata: Metadata.optional(),
  onSuccess: Continuation.optional(),
  onFailure: Continuation.optional(),
};

export const CallOptions = z
  .strictObject({ ...sharedOptions, delay: Duration.optional(), expires: Duration.optional() })
  .meta({ id: "CallOptions" });

const startOptions = {
  ...sharedOptions,
  delay: Duration.optional(),
  at: z.iso
    .datetime({ offset: true })
    .optional()
    .meta({ description: "Not before this moment", ...shownAs({}) }),
  expires: z
    .union([Duration, Moment])
    .optional()
    .meta({ description: "Not started later than so long from now, or than this moment" }),
  headers: z
    .record(z.string().max(200), z.string())
    .optional()
    .meta({ description: "What its run finds with the job, such as a trace's context; up to 8 KiB of JSON" }),
  ignoreResult: z.boolean().optional(),
  confirm: z.enum(["memory", "disk", "replica"]).optional(),
};

/** What a replay may change. */
export const ReplayOptions = z.strictObject(startOptions).meta({ id: "ReplayOptions" });

const DeduplicationKey = z.string().min(1).max(500);

/** The options of a call; `idempotencyKey` travels as the header `Idempotency-Key`, or here with a lifetime of its own. */
export const EnqueueOptions = z
  .strictObject({
    ...startOptions,
    id: JobId.optional(),
    idempotencyKey: z
      .union([
        z.string().min(1).max(500),
        z.strictObject({ key: z.string().min(1).max(500), lifetime: Duration.optional() }),
      ])
      .optional(),
    deduplication: z
      .union([
        z.strictObject({ key: DeduplicationKey, mode: z.enum(["skip", "keep-last"]).optional() }),
        z.strictObject({ key: DeduplicationKey, mode: z.enum(["throttle", "debounce"]), ttl: Duration }),
      ])
      .optional(),
  })
  .meta({ id: "EnqueueOptions" });

export const Call = z
  .strictObject({ task: TaskName, input: Anything, options: EnqueueOptions.optional() })
  .meta({ id: "Call", examples: [{ task: "tasks.simple_tasks.ping", input: {} }] });

const Failure = z.enum(["wait", "fail-fast", "collect"]).optional();

/** Calls in a chain, a group or a map, and these within each other. */
export const Composition: z.ZodType<CanvasNode, CanvasNode> = z
  .lazy(() =>
    z.discriminatedUnion("type", [
      z.strictObject({
        type: z.literal("call"),
        task: TaskName,
        input: Anything.optional(),
        into: z.string().min(1).max(200).optional(),
        options: CallOptions.optional(),
      }),
      z.strictObject({ type: z.literal("chain"), nodes: z.array(Composition).min(1).max(1000) }),
      z.strictObject({ type: z.literal("group"), nodes: z.array(Composition).max(1000), failure: Failure }),
      z.strictObject({
        type: z.literal("map"),
        task: TaskName,
        inputs: z.array(z.unknown()).max(10_000),
        size: z.number().int().min(1).max(10_000).optional(),
        failure: Failure,
        options: CallOptions.optional(),
      }),
    ]),
  )
  .meta({
    id: "Composition",
    examples: [
      {
        type: "group",
        nodes: [
          { type: "call", task: "tasks.simple_tasks.ping", input: {} },
          { type: "call", task: "tasks.simple_tasks.ping", input: {} },
        ],
      },
    ],
  });
