import { untilAborted } from "../core/abort.ts";
import { LovageError, toLovageError } from "../core/errors.ts";
import type { AnyTask, Catalogue } from "./catalogue.ts";
import { type Call, decodeCall } from "./codec.ts";
import type { TaskContext } from "./context.ts";
import { validate } from "./validation.ts";

/** One attempt of one job, as it was taken from its queue. */
export interface Delivery {
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  /** The raw data from Redis: a {@link Call} if Lovage wrote it. */
  readonly data: unknown;
  readonly attempt: number;
  readonly attempts: number;
  readonly enqueuedAt: number;
  /** Whether no worker ever took the job before. */
  readonly firstStart: boolean;
  /** Aborted with a LovageError as its reason. */
  readonly signal: AbortSignal;
}

/** How an attempt ended. `handed-back` means that nothing was decided: another worker goes on with the same attempt. */
export type Outcome =
  | { type: "completed"; output: unknown }
  | { type: "retry" | "failed" | "cancelled" | "expired"; error: LovageError }
  | { type: "handed-back"; error: LovageError };

/** What runs the two kinds of tasks; given by the worker. */
export interface Executors<D extends Delivery> {
  catalogue: Catalogue;
  context(task: AnyTask, delivery: D): TaskContext;
  runRayJob(task: AnyTask, input: unknown, delivery: D): Promise<unknown>;
  /** Stops the Ray job that an earlier worker may have left running for a job that was cancelled since. */
  stopRayJob(delivery: D): Promise<void>;
}

/** Runs one attempt: decode → dropped? → validate → run → validate. Every ending is a value; it never rejects. */
export async function execute<D extends Delivery>(delivery: D, executors: Executors<D>): Promise<Outcome> {
  try {
    const task = executors.catalogue.get(delivery.task);
    const call = decodeCall(delivery.data);
    if (call.meta.cancelled !== undefined) {
      if (task.ray !== undefined) await executors.stopRayJob(delivery);
      throw new LovageError("JOB_CANCELLED", call.meta.cancelled.reason);
    }
    if (delivery.firstStart) refuseExpired(call);
    const input = validate(task.input, call.input, "INPUT_INVALID", `the input of ${task.name}`);
    const result = await run(task, input, delivery, executors);
    const output = validate(task.output, result, "OUTPUT_INVALID", `the result of ${task.name}`);
    return { type: "completed", output };
  } catch (thrown) {
    return classify(thrown, delivery);
  }
}

function refuseExpired(call: Call): void {
  const { expiresAt } = call.meta;
  if (expiresAt === undefined || Date.now() <= expiresAt) return;
  const at = new Date(expiresAt).toISOString();
  throw new LovageError("JOB_EXPIRED", `the job had to start before ${at}`, { field: "expires", value: at });
}

async function run<D extends Delivery>(
  task: AnyTask,
  input: unknown,
  delivery: D,
  executors: Executors<D>,
): Promise<unknown> {
  delivery.signal.throwIfAborted();
  if (task.run === undefined) return executors.runRayJob(task, input, delivery);
  const running = task.run(input as never, executors.context(task, delivery) as never);
  // A task that ignores its signal must not hold a cancelled job: its late result is dropped.
  return untilAborted(running, delivery.signal);
}

function classify(thrown: unknown, delivery: Delivery): Outcome {
  // What a task throws after its signal was aborted is a consequence; the reason is the cause.
  const error = toLovageError(delivery.signal.aborted ? delivery.signal.reason : thrown);
  if (error.code === "WORKER_STOPPING" || error.code === "LOCK_LOST") return { type: "handed-back", error };
  if (error.code === "JOB_CANCELLED") return { type: "cancelled", error };
  if (error.code === "JOB_EXPIRED") return { type: "expired", error };
  const again = error.retryable && delivery.attempt < delivery.attempts;
  return { type: again ? "retry" : "failed", error };
}
