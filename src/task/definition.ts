import type * as z from "zod";
import { type Duration, toMilliseconds } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import type { TaskContext } from "./context.ts";
import { type LimitOptions, readLimits, type TaskLimits } from "./limits.ts";
import { type QueueName, queueNames } from "./queue-names.ts";
import { type RayDefinition, type RayProgram, readRayProgram } from "./ray-program.ts";
import { readSchedules, type Schedule, type ScheduleOptions } from "./schedule.ts";

export { type QueueName, queueNames };

/** When a failed attempt is tried again. */
export interface RetryPolicy {
  /** Attempts in all, the first included. */
  attempts: number;
  /** Milliseconds before the second attempt; doubled each time, with jitter. */
  backoff: number;
  /** No wait is longer, in milliseconds. */
  maxBackoff: number;
  /** Codes of errors that are worth another attempt, whatever the error says of itself. */
  retryOn?: readonly string[];
  /** Codes of errors that are not; wins over `retryOn`. */
  neverRetryOn?: readonly string[];
}

/** How {@link RetryPolicy} is written in a definition. Default: 3 attempts, from "5s", at most "10m". */
export interface RetryOptions {
  attempts?: number;
  backoff?: Duration;
  maxBackoff?: Duration;
  /** Codes of errors that are worth another attempt although they say otherwise, such as "TIME_LIMIT_EXCEEDED". */
  retryOn?: readonly string[];
  /** Codes of errors that end the job at once; wins over `retryOn`. */
  neverRetryOn?: readonly string[];
}

export type { RayDefinition, RayResources } from "./ray-program.ts";

/** A task: one exported constant, its types inferred from its schemas. Made by {@link defineTask} or {@link defineRayTask}. */
export interface Task<
  Name extends string = string,
  Input extends z.ZodType = z.ZodType,
  Output extends z.ZodType = z.ZodType,
> {
  readonly name: Name;
  readonly queue: QueueName;
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly retry: Readonly<RetryPolicy>;
  readonly limits: Readonly<TaskLimits>;
  /** Whether `run` is a workflow's: run again from its start whenever calls of its have ended. */
  readonly workflow: boolean;
  /** Whether an attempt runs in a process of its own, which is killed at the hard time limit. */
  readonly isolate: boolean;
  /** When it is called by itself. */
  readonly schedules: readonly Schedule[];
  /** Set on a Ray task only. */
  readonly ray?: RayDefinition;
  /** Runs one attempt. A Ray task has none: the worker runs its program on the cluster. */
  readonly run?: (input: z.output<Input>, context: TaskContext) => Promise<z.input<Output>>;
}

export interface CommonOptions<Name extends string, Input extends z.ZodType, Output extends z.ZodType>
  extends LimitOptions<z.output<Input>> {
  /** Letters, digits, `_`, `-` and dots; unique in the catalogue; what clients call. */
  name: Name;
  queue: QueueName;
  description?: string;
  input: Input;
  output: Output;
  retry?: RetryOptions;
  /** Calls the task again and again, as long as a scheduler runs. */
  schedule?: ScheduleOptions<z.input<Input>>;
  /** Further ones, each with a name of its own. */
  schedules?: readonly ScheduleOptions<z.input<Input>>[];
}

export interface TaskOptions<Name extends string, Input extends z.ZodType, Output extends z.ZodType>
  extends CommonOptions<Name, Input, Output> {
  /** Runs each attempt in a process of its own: for work that keeps the CPU busy. Default false. */
  isolate?: boolean;
  run: (input: z.output<Input>, context: TaskContext) => Promise<z.input<Output>>;
}

export interface RayTaskOptions<Name extends string, Input extends z.ZodType, Output extends z.ZodType>
  extends CommonOptions<Name, Input, Output>,
    RayProgram {
  /** A program on the cluster cannot hear a soft limit; `timeLimit` stops it. */
  softTimeLimit?: never;
}

/**
 * Defines a task that runs inside the worker.
 * @throws LovageError `TASK_INVALID` when a field of the definition is at fault.
 */
export function defineTask<Name extends string, Input extends z.ZodType, Output extends z.ZodType>(
  options: TaskOptions<Name, Input, Output>,
): Task<Name, Input, Output> {
  return Object.freeze({ ...common(options), isolate: options.isolate ?? false, run: options.run });
}

/**
 * Defines a task whose work is a Python program on the Ray cluster.
 * @throws LovageError `TASK_INVALID` when a field of the definition is at fault.
 */
export function defineRayTask<Name extends string, Input extends z.ZodType, Output extends z.ZodType>(
  options: RayTaskOptions<Name, Input, Output>,
): Task<Name, Input, Output> {
  if (options.softTimeLimit !== undefined) {
    const hint = "a program on the cluster cannot hear it; use timeLimit, at which the Ray job is stopped";
    throw invalid(options.name, "softTimeLimit", options.softTimeLimit, hint);
  }
  const ray = readRayProgram(options.name, options);
  return Object.freeze({ ...common(options), ray: Object.freeze(ray) });
}

export function common<Name extends string, Input extends z.ZodType, Output extends z.ZodType>(
  options: CommonOptions<Name, Input, Output>,
) {
  if (!/^[A-Za-z0-9_.-]{1,200}$/.test(options.name)) {
    throw invalid(options.name, "name", options.name, "use letters, digits, _, - and dots");
  }
  if (!queueNames.includes(options.queue)) {
    throw invalid(options.name, "queue", options.queue, `use one of ${queueNames.join(", ")}`);
  }
  const { attempts = 3, backoff = "5s", maxBackoff = "10m", retryOn, neverRetryOn } = options.retry ?? {};
  if (!Number.isInteger(attempts) || attempts < 1) {
    throw invalid(options.name, "retry.attempts", attempts, "use a whole number from 1 on");
  }
  return {
    name: options.name,
    queue: options.queue,
    description: options.description ?? "",
    input: options.input,
    output: options.output,
    retry: Object.freeze({
      attempts,
      backoff: toMilliseconds(backoff, "retry.backoff"),
      maxBackoff: toMilliseconds(maxBackoff, "retry.maxBackoff"),
      ...(retryOn && { retryOn }),
      ...(neverRetryOn && { neverRetryOn }),
    }),
    limits: Object.freeze(readLimits(options)),
    workflow: false,
    isolate: false,
    schedules: readSchedules(options, options),
  };
}

function invalid(task: string, field: string, value: unknown, hint: string): LovageError {
  return new LovageError("TASK_INVALID", `task ${task}: ${field} is ${JSON.stringify(value)}; ${hint}`, {
    field,
    value,
    hint,
  });
}
