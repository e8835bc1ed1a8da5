import { randomUUID } from "node:crypto";
import type * as z from "zod";
import { LovageError } from "../core/errors.ts";
import type { Catalogue } from "../task/catalogue.ts";
import { type CallMeta, encodeCall } from "../task/codec.ts";
import type { Task } from "../task/definition.ts";
import type { Outcome } from "../task/execute.ts";
import type { Hooks } from "../task/hooks.ts";
import { validate } from "../task/validation.ts";
import { catalogueWith, runAttempt } from "./attempt.ts";
import { createClock } from "./clock.ts";
import { type ContextOverrides, createRecords, type RunRecords } from "./context.ts";
import { createEnqueuedCalls, type EnqueuedCalls } from "./enqueued.ts";
import { createTestMemory } from "./memory.ts";
import { createScripts, type RayScript } from "./scripted-jobs.ts";
import { scriptedResult } from "./workflow.ts";

export interface PerformOptions {
  /** What the task finds in its context; the rest is a small healthy world in memory. */
  context?: ContextOverrides;
  /** What the job is; default: the first attempt of as many as the task has, just enqueued. */
  job?: {
    id?: string;
    attempt?: number;
    attempts?: number;
    enqueuedAt?: Date;
    tags?: readonly string[];
    metadata?: Record<string, unknown>;
    headers?: Record<string, string>;
  };
  /** What the Ray programs do that the task runs. */
  ray?: RayScript;
  hooks?: readonly Hooks[];
  /** What the tasks give that a workflow calls, by name: a result, or what makes it of the input (or throws the error). */
  calls?: Readonly<Record<string, unknown>>;
  /** With it, names and inputs of what the task enqueues are checked as a worker would. */
  catalogue?: Catalogue;
  /** Aborts the attempt with its reason: a LovageError `JOB_CANCELLED`, say. */
  signal?: AbortSignal;
}

/** What an attempt did. */
export interface Performance extends RunRecords {
  readonly enqueued: EnqueuedCalls;
}

/** What became of it: `completed`, `retry` (with the delay the task asked for), `failed`, `cancelled`, … */
export type PerformedOutcome<Output> =
  | { type: "completed"; output: Output }
  | Exclude<Outcome, { type: "completed" }>;

/**
 * Runs one attempt of a task in this process, without Redis: decoded, checked, limited and judged by the worker's own code.
 * The input and the result pass through JSON as they do in Redis.
 * @returns the result, and what the attempt did
 * @throws LovageError what a caller would get were this the last attempt: `INPUT_INVALID`, `OUTPUT_INVALID`, the task's own
 */
export async function perform<Input extends z.ZodType, Output extends z.ZodType>(
  task: Task<string, Input, Output>,
  input: z.input<Input>,
  options: PerformOptions = {},
): Promise<Performance & { output: z.output<Output> }> {
  const { outcome, ...performance } = await performOutcome(task, input, options);
  if (outcome.type === "completed") return { ...performance, output: outcome.output };
  if ("error" in outcome) throw outcome.error;
  throw new LovageError("TASK_INVALID", `${task.name} did not end: ${outcome.type}`, {
    hint: "look at it with performOutcome",
  });
}

/** Like {@link perform}, with the outcome as a value: for retries, cancellation, expiry. Never rejects for the task's sake. */
export async function performOutcome<Input extends z.ZodType, Output extends z.ZodType>(
  task: Task<string, Input, Output>,
  input: z.input<Input>,
  options: PerformOptions = {},
): Promise<Performance & { outcome: PerformedOutcome<z.output<Output>> }> {
  const { job = {}, catalogue } = options;
  const records = createRecords();
  const enqueued = createEnqueuedCalls();
  const clock = createClock();
  const memory = createTestMemory(clock.now);
  const meta: CallMeta = {
    ...(job.tags && { tags: [...job.tags] }),
    ...(job.metadata && { metadata: job.metadata }),
    ...(job.headers && { headers: job.headers }),
  };
  const outcome = await runAttempt(
    {
      id: job.id ?? "job-1",
      task: task.name,
      queue: task.queue,
      call: encodeCall(input, meta),
      attempt: job.attempt ?? 1,
      attempts: job.attempts ?? task.retry.attempts,
      fence: job.attempt ?? 1,
      enqueuedAt: job.enqueuedAt?.getTime() ?? Date.now(),
      firstStart: (job.attempt ?? 1) === 1,
      signal: options.signal ?? new AbortController().signal,
    },
    {
      catalogue: catalogueWith(task, catalogue),
      overrides: options.context ?? {},
      hooks: options.hooks ?? [],
      memory: () => memory,
      takeScript: createScripts(options.ray),
      now: clock.now,
      sleep: (milliseconds) => clock.advance(milliseconds),
      async call(headers = {}, name, request, callOptions) {
        enqueued.add({ id: randomUUID(), task: name, input: request, options: { ...callOptions }, headers });
        return scriptedResult(options.calls ?? {}, name, request);
      },
      async enqueue(headers = {}, name, request, callOptions = {}) {
        if (catalogue !== undefined)
          validate(catalogue.get(name).input, request, "INPUT_INVALID", `the input of ${name}`);
        const { id = randomUUID() } = callOptions;
        const known = enqueued.all.some((call) => call.id === id);
        if (!known) enqueued.add({ id, task: name, input: request, options: { ...callOptions }, headers });
        return id;
      },
    },
    records,
  );
  return { ...records, enqueued, outcome: outcome as PerformedOutcome<z.output<Output>> };
}
