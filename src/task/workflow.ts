import type * as z from "zod";
import type { Duration } from "../core/durations.ts";
import type { CallOptions } from "./call-options.ts";
import type { AnyTask } from "./catalogue.ts";
import type { TaskContext } from "./context.ts";
import { type CommonOptions, common, type Task } from "./definition.ts";

/** A task's constant, as a workflow calls it. */
export type Callable<Input extends z.ZodType = z.ZodType, Output extends z.ZodType = z.ZodType> = Pick<
  Task<string, Input, Output>,
  "name" | "input" | "output"
>;

/** How often and how soon a step is tried before its error reaches the workflow. Default: once. */
export interface StepOptions {
  attempts?: number;
  /** Wait before the second try, doubled each time. Default "1s". */
  backoff?: Duration;
}

/**
 * What a workflow may touch. Its function is run again from its start whenever calls of its have ended, so it must do the
 * same each time: time, randomness and effects come from here, and everything else belongs into a task or a step.
 */
export interface WorkflowContext
  extends Pick<
    TaskContext,
    "job" | "worker" | "signal" | "logger" | "progress" | "log" | "settings" | "dependencies"
  > {
  /**
   * Calls a task and waits for its result, for days if need be and across the death of any worker; the workflow gives
   * its slot back meanwhile. Rejects with the job's own error when it failed, expired or was cancelled.
   */
  call<Input extends z.ZodType, Output extends z.ZodType>(
    task: Callable<Input, Output>,
    input: z.input<Input>,
    options?: CallOptions,
  ): Promise<z.output<Output>>;
  /** Calls a task by its name, for tasks this code does not know. */
  call(task: string, input: unknown, options?: CallOptions): Promise<unknown>;
  /** Waits without a slot and without a process. */
  sleep(duration: Duration): Promise<void>;
  /**
   * Runs a local effect once and remembers its result (as JSON). A worker that dies in the middle of it has it run again,
   * so the effect must bear that.
   */
  step<T>(name: string, effect: () => Promise<T> | T, options?: StepOptions): Promise<T>;
  /** The time at which the workflow got this far, the same whenever it is run again. */
  now(): Date;
  /** A random id, the same whenever the workflow is run again. */
  uuid(): string;
}

export interface WorkflowOptions<Name extends string, Input extends z.ZodType, Output extends z.ZodType>
  extends Pick<
    CommonOptions<Name, Input, Output>,
    "name" | "queue" | "description" | "input" | "output" | "schedule" | "schedules"
  > {
  run: (input: z.output<Input>, context: WorkflowContext) => Promise<z.input<Output>>;
}

/**
 * Defines a workflow: a task whose `run` calls other tasks durably. Calls that still run when the function ends are
 * cancelled. A workflow is not retried: the tasks it calls are, each by its own policy.
 * @throws LovageError `TASK_INVALID` when a field of the definition is at fault.
 */
export function defineWorkflow<Name extends string, Input extends z.ZodType, Output extends z.ZodType>(
  options: WorkflowOptions<Name, Input, Output>,
): Task<Name, Input, Output> {
  const { run } = options;
  return Object.freeze({
    ...common({ ...options, retry: { attempts: 1 } }),
    workflow: true,
    // The worker runs it with a context of the wider kind, and knows it by `workflow`.
    run: run as unknown as NonNullable<Task<Name, Input, Output>["run"]>,
  });
}

/** The function of a workflow, as the engine runs it. */
export type WorkflowFunction = (input: unknown, context: WorkflowContext) => Promise<unknown>;

export function workflowFunctionOf(task: AnyTask): WorkflowFunction {
  return task.run as unknown as WorkflowFunction;
}
