import { AsyncLocalStorage } from "node:async_hooks";
import { hash } from "node:crypto";
import { backoffDelay } from "../core/backoff.ts";
import { type Duration, toMilliseconds } from "../core/durations.ts";
import { LovageError, toLovageError } from "../core/errors.ts";
import { type CallOptions, callOptionNames, refuseUnknown } from "./call-options.ts";
import type { CanvasWorkflowContext } from "./canvas.ts";
import type { TaskContext } from "./context.ts";
import { validate } from "./validation.ts";
import type { Callable, StepOptions, WorkflowContext } from "./workflow.ts";
import { type CallOutcome, stepMark, type WorkflowRun } from "./workflow-run.ts";

/** What becomes of a workflow's calls: `Call` is what its {@link WorkflowRun} adds. */
export interface WorkflowHost<Call> {
  call(place: number, task: string, input: unknown, options: CallOptions): Call;
  sleep(place: number, milliseconds: number): Call;
  /** Waits between two tries of a step, unless the signal is aborted. */
  pause(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** True within a step's effect. */
const inStep = new AsyncLocalStorage<boolean>();

/** What a workflow's function is given in one run. */
export function createWorkflowContext<Call>(
  context: TaskContext,
  workflowRun: WorkflowRun<Call>,
  host: WorkflowHost<Call>,
): CanvasWorkflowContext {
  const { job, worker, signal, settings, dependencies } = context;
  let ids = 0;

  async function call(task: Callable | string, input: unknown, options: CallOptions = {}): Promise<unknown> {
    const name = typeof task === "string" ? task : task.name;
    refuseInStep("call");
    refuseUnknown(options, callOptionNames);
    if (typeof task !== "string") validate(task.input, input, "INPUT_INVALID", `the input of ${name}`);
    const made = hash("sha256", JSON.stringify(input) ?? "").slice(0, 8);
    return workflowRun.call(`${name}(${made})`, (place) => host.call(place, name, input, options));
  }

  async function step<T>(name: string, effect: () => Promise<T> | T, options: StepOptions = {}): Promise<T> {
    refuseInStep("step");
    const act = () => inStep.run(true, () => takeStep(effect, options, signal, host));
    return (await workflowRun.step(`${stepMark}${name}`, act)) as T;
  }

  async function sleep(duration: Duration): Promise<void> {
    refuseInStep("sleep");
    const milliseconds = toMilliseconds(duration);
    await workflowRun.call(`sleep(${milliseconds})`, (place) => host.sleep(place, milliseconds));
  }

  /** Only what happens for the first time is told. */
  const once =
    <Args extends unknown[]>(act: (...args: Args) => Promise<void>) =>
    async (...args: Args) => {
      if (!workflowRun.repeating) await act(...args);
    };
  const logger = (level: "debug" | "info" | "warn" | "error") => (fields: object, message: string) => {
    if (!workflowRun.repeating) context.logger[level](fields, message);
  };

  return {
    job,
    worker,
    signal,
    settings,
    dependencies,
    logger: { debug: logger("debug"), info: logger("info"), warn: logger("warn"), error: logger("error") },
    progress: once(context.progress),
    log: once(context.log),
    call: quiet(call) as WorkflowContext["call"],
    sleep: quiet(sleep),
    step: quiet(step) as WorkflowContext["step"],
    now: () => new Date(workflowRun.time),
    resumed: workflowRun.resumed,
    checkpoint: (state) => workflowRun.checkpoint(state),
    uuid() {
      refuseInStep("uuid");
      ids += 1;
      return toUuid(hash("sha256", `${job.id}\n${job.enqueuedAt.getTime()}\n${ids}`, "buffer"));
    },
  };
}

function refuseInStep(what: string): void {
  if (inStep.getStore() !== true) return;
  // A step is not taken again when the workflow is run again, so what it calls would be missing then.
  throw new LovageError("TASK_INVALID", `context.${what} was called inside a step`, {
    field: what,
    hint: "call it before or after the step; a step's own randomness and time are remembered with its result",
  });
}

async function takeStep<T>(
  effect: () => Promise<T> | T,
  { attempts = 1, backoff = "1s" }: StepOptions,
  signal: AbortSignal,
  host: Pick<WorkflowHost<unknown>, "pause">,
): Promise<CallOutcome> {
  const delay = toMilliseconds(backoff, "backoff");
  for (let attempt = 1; ; attempt += 1) {
    try {
      const text = JSON.stringify(await effect());
      // As it will be when the workflow is run again.
      return { value: text === undefined ? undefined : JSON.parse(text) };
    } catch (thrown) {
      const error = toLovageError(thrown);
      if (attempt >= attempts || !error.retryable) return { error: error.toRecord() };
      await host.pause(backoffDelay({ delay, max: 10 * delay }, attempt), signal);
    }
  }
}

/** A call that fails before the function awaits it is no unhandled rejection: the function may come to it later. */
function quiet<Args extends unknown[], T>(act: (...args: Args) => Promise<T>): (...args: Args) => Promise<T> {
  return (...args) => {
    const promise = act(...args);
    promise.catch(() => {});
    return promise;
  };
}

/** Version 8 of RFC 9562: made from what the caller likes. */
function toUuid(bytes: Buffer): string {
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString("hex");
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)];
  return parts.join("-");
}
