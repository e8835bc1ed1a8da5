import { type LazyAborter, untilAborted } from "../core/abort.ts";
import { LovageError, toLovageError } from "../core/errors.ts";
import type { AnyTask, Catalogue } from "./catalogue.ts";
import { type Call, decodeCall } from "./codec.ts";
import type { TaskContext } from "./context.ts";
import { deafToSoftLimit, type TimeLimits } from "./limits.ts";
import { PostponeRequest } from "./postpone-request.ts";
import { isWorthRetry, RetryRequest } from "./retry.ts";
import { type AttemptSignals, limitTime, UnlimitedSignals } from "./time-limits.ts";
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
  /** Larger at each begin of the job; see {@link TaskContext.job}. */
  readonly fence: number;
  readonly enqueuedAt: number;
  /** Whether no worker ever took the job before. */
  readonly firstStart: boolean;
  /** Aborted with a LovageError as its reason. */
  readonly signal: AbortSignal;
  /** What the signal is made from, where it is made only for who asks. */
  readonly aborter?: LazyAborter;
}

/**
 * How an attempt ended. Nothing is decided by `handed-back` (another worker goes on with the same attempt), by
 * `postponed` (a limit is reached, or its Ray cluster is down; the attempt has not begun) and by `waiting-children` (a workflow waits for its calls).
 */
export type Outcome =
  | { type: "completed"; output: unknown }
  /** `delay`: milliseconds that the task asked for, instead of its policy's. */
  | { type: "retry"; error: LovageError; delay?: number | undefined }
  | { type: "failed" | "cancelled" | "expired"; error: LovageError }
  | { type: "handed-back"; error: LovageError }
  | ({ type: "postponed" } & Postponement)
  | { type: "waiting-children" };

/** How long an attempt that may not begin yet is put aside. */
export interface Postponement {
  milliseconds: number;
  why: string;
  /** Called when the job lies aside, so that no wake in between is lost; never rejects. */
  parked?: () => Promise<void>;
}

/** One attempt at work: what was decoded and what ends it. */
export interface Attempt<D extends Delivery = Delivery> {
  readonly task: AnyTask;
  readonly call: Call;
  /** As the task's schema made it. */
  readonly input: unknown;
  readonly delivery: D;
  readonly signals: AttemptSignals;
}

/** What a workflow's run ends with when it waits for its calls and has given its slot back. */
export const parked = Symbol("parked");

/** Leave to run, or how long to wait for it. */
export type Admission = { release(): Promise<void> } | Postponement;

/** What runs the kinds of tasks; given by the worker. */
export interface Executors<D extends Delivery> {
  catalogue: Catalogue;
  context(attempt: Attempt<D>): TaskContext;
  runRayJob(attempt: Attempt<D>): Promise<unknown>;
  runIsolated(attempt: Attempt<D>): Promise<unknown>;
  /** @returns the workflow's result, or {@link parked} */
  runWorkflow(attempt: Attempt<D>): Promise<unknown>;
  /** Stops the Ray job that an earlier worker may have left running for a job that was cancelled since. */
  stopRayJob(delivery: D): Promise<void>;
  /** Enqueues what comes after a call that asked for it. */
  callNext(delivery: D, call: Call, output: unknown): Promise<void>;
  /** Whether a rate or a concurrency limit holds for a task now. */
  isLimited(task: AnyTask): boolean;
  /** Asked before an attempt of a limited task. */
  admit(attempt: Attempt<D>): Promise<Admission>;
  /** For how many milliseconds the Ray job that this attempt goes on with has run already; 0 when there is none. */
  rayJobAge(delivery: D): Promise<number>;
  /** Told when an attempt begins, with its limits passed; absent where nobody counts. */
  started?: ((delivery: D) => void) | undefined;
  /** Runs an attempt within hooks; absent where there are none. */
  around?: ((attempt: Attempt<D>, next: () => Promise<unknown>) => Promise<unknown>) | undefined;
  /** Milliseconds since 1970, where time is not the clock's. */
  now?(): number;
  /** Time limits that an operator set for a task, instead of those of its definition. */
  timeLimits(task: string): TimeLimits | undefined;
}

/** Runs one attempt: decode → dropped? → validate → admit → run → validate. Every ending is a value; it never rejects. */
export async function execute<D extends Delivery>(delivery: D, executors: Executors<D>): Promise<Outcome> {
  let task: AnyTask | undefined;
  let signals: AttemptSignals = new UnlimitedSignals(delivery);
  try {
    task = executors.catalogue.get(delivery.task);
    const call = decodeCall(delivery.data);
    if (call.meta.cancelled !== undefined) {
      // A task of any kind may have one running; one that never started has none, and costs no look.
      if (task.ray !== undefined || !delivery.firstStart) await executors.stopRayJob(delivery);
      throw new LovageError("JOB_CANCELLED", call.meta.cancelled.reason);
    }
    if (delivery.firstStart) refuseExpired(call, executors.now?.() ?? Date.now());
    const input = validate(task.input, call.input, "INPUT_INVALID", `the input of ${task.name}`);
    const limits = timeLimitsOf(task, call, executors.timeLimits(task.name));
    const limited = executors.isLimited(task);
    const admission = limited ? await executors.admit({ task, call, input, delivery, signals }) : undefined;
    if (admission !== undefined && "why" in admission) return { type: "postponed", ...admission };
    try {
      if (limits !== unlimited) {
        // A worker that goes on with a Ray job gives it no more time than the one before.
        const goesOn = task.ray !== undefined && limits.hard !== undefined && !delivery.firstStart;
        signals = limitTime(delivery.signal, limits, goesOn ? await executors.rayJobAge(delivery) : 0);
      }
      const attempt: Attempt<D> = { task, call, input, delivery, signals };
      executors.started?.(delivery);
      const result =
        executors.around === undefined
          ? await run(attempt, executors)
          : await executors.around(attempt, () => run(attempt, executors));
      if (result === parked) return { type: "waiting-children" };
      const output = validate(task.output, result, "OUTPUT_INVALID", `the result of ${task.name}`);
      if (call.meta.onSuccess !== undefined) await executors.callNext(delivery, call, output);
      return { type: "completed", output: call.meta.ignoreResult === true ? undefined : output };
    } finally {
      signals.clear();
      await admission?.release();
    }
  } catch (thrown) {
    return classify(thrown, delivery, signals, task);
  }
}

/** Most tasks have no limits, and every job passes here. */
const unlimited: TimeLimits = {};

function timeLimitsOf(task: AnyTask, { meta }: Call, set: TimeLimits | undefined): TimeLimits {
  const own = set ?? task.limits;
  if (task.ray !== undefined && meta.softTimeLimit !== undefined) throw deafToSoftLimit(meta.softTimeLimit);
  const soft = task.ray === undefined ? (meta.softTimeLimit ?? own.soft) : undefined;
  const hard = meta.timeLimit ?? own.hard;
  if (soft === undefined && hard === undefined) return unlimited;
  return { ...(soft !== undefined && { soft }), ...(hard !== undefined && { hard }) };
}

function refuseExpired(call: Call, now: number): void {
  const { expiresAt } = call.meta;
  if (expiresAt === undefined || now <= expiresAt) return;
  const at = new Date(expiresAt).toISOString();
  throw new LovageError("JOB_EXPIRED", `the job had to start before ${at}`, { field: "expires", value: at });
}

function run<D extends Delivery>(attempt: Attempt<D>, executors: Executors<D>): Promise<unknown> {
  const { task, input, signals } = attempt;
  if (signals.over.aborted) throw signals.over.reason;
  if (task.run === undefined) return executors.runRayJob(attempt);
  if (task.isolate) return executors.runIsolated(attempt);
  if (task.workflow) return executors.runWorkflow(attempt);
  const running = task.run(input as never, executors.context(attempt) as never);
  // A task that ignores its signal must not hold a job that is over: its late result is dropped.
  return untilAborted(running, signals.over);
}

function classify(
  thrown: unknown,
  delivery: Delivery,
  signals: AttemptSignals,
  task: AnyTask | undefined,
): Outcome {
  const error = causeOf(thrown, signals);
  if (error instanceof PostponeRequest)
    return { type: "postponed", milliseconds: error.milliseconds, why: error.message };
  if (error.code === "WORKER_STOPPING" || error.code === "LOCK_LOST") return { type: "handed-back", error };
  if (error.code === "JOB_CANCELLED") return { type: "cancelled", error };
  if (error.code === "JOB_EXPIRED") return { type: "expired", error };
  if (delivery.attempt < delivery.attempts && isWorthRetry(error, task?.retry)) {
    return { type: "retry", error, delay: error instanceof RetryRequest ? error.delay : undefined };
  }
  return { type: "failed", error };
}

/** What a task throws after its signal was aborted is a consequence; the reason is the cause. */
function causeOf(thrown: unknown, { task, over }: AttemptSignals): LovageError {
  if (over.aborted) return toLovageError(over.reason);
  // After the soft limit a task may still decide how it ends.
  const decided = thrown instanceof LovageError && thrown !== task.reason;
  return toLovageError(task.aborted && !decided ? task.reason : thrown);
}
