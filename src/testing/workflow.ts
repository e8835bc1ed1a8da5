import { randomUUID } from "node:crypto";
import { type Duration, toMilliseconds } from "../core/durations.ts";
import { LovageError, toLovageError } from "../core/errors.ts";
import type { CallOptions } from "../task/call-options.ts";
import type { TaskContext } from "../task/context.ts";
import type { Attempt } from "../task/execute.ts";
import { type CallOutcome, type History, Replay } from "../task/replay.ts";
import { validate } from "../task/validation.ts";
import {
  type Callable,
  type StepOptions,
  type WorkflowContext,
  workflowFunctionOf,
} from "../task/workflow.ts";

/** What a workflow's calls become in a test. */
export interface WorkflowGround {
  now(): number;
  /** Runs a call to its end; rejects with the job's error. */
  call(task: string, input: unknown, options: CallOptions): Promise<unknown>;
  /** Lets the time pass. */
  sleep(milliseconds: number): Promise<void>;
}

interface MadeCall {
  place: number;
  run(): Promise<unknown>;
}

/**
 * Runs a workflow by the worker's own engine, with its record in memory: its function is run again from its start after
 * each round of calls, so a test finds code that does not take the same way twice (`WORKFLOW_CHANGED`).
 */
export async function runTestWorkflow(
  { task, input, signals }: Attempt,
  context: TaskContext,
  ground: WorkflowGround,
): Promise<unknown> {
  const outcomes = new Map<number, CallOutcome>();
  const history: History = { calls: [], batches: [], startedAt: ground.now(), added: 0 };
  const ids: string[] = [];
  for (;;) {
    const made: MadeCall[] = [];
    const replay: Replay<MadeCall> = new Replay(history, outcomes, {
      signal: signals.end,
      now: ground.now,
      save: async () => {},
      saveStep: async (place, outcome) => void outcomes.set(place, outcome),
      add: async (calls) => void made.push(...calls),
    });
    const workflow = createTestWorkflowContext(context, replay, ground, ids);
    const replayed = await replay.run(async () => workflowFunctionOf(task)(input, workflow));
    if (replayed.type === "ended") return replayed.value;
    for (const { place, run } of made) outcomes.set(place, await outcomeOf(run));
  }
}

function createTestWorkflowContext(
  context: TaskContext,
  replay: Replay<MadeCall>,
  ground: WorkflowGround,
  ids: string[],
): WorkflowContext {
  let idsGiven = 0;

  async function call(task: Callable | string, input: unknown, options: CallOptions = {}): Promise<unknown> {
    const name = typeof task === "string" ? task : task.name;
    if (typeof task !== "string") validate(task.input, input, "INPUT_INVALID", `the input of ${name}`);
    const fingerprint = `${name}(${JSON.stringify(input)})`;
    return replay.call(fingerprint, (place) => ({ place, run: () => ground.call(name, input, options) }));
  }

  const { job, worker, signal, settings, dependencies, logger, progress, log } = context;
  const once =
    <Args extends unknown[], T>(act: (...args: Args) => T) =>
    (...args: Args) =>
      replay.replaying ? (undefined as T) : act(...args);
  return {
    job,
    worker,
    signal,
    settings,
    dependencies,
    logger: {
      debug: once(logger.debug),
      info: once(logger.info),
      warn: once(logger.warn),
      error: once(logger.error),
    },
    progress: async (told) => once(progress)(told),
    log: async (line) => once(log)(line),
    call: quiet(call) as WorkflowContext["call"],
    sleep: quiet(async (duration: Duration) => {
      const milliseconds = toMilliseconds(duration);
      await replay.call(`sleep(${milliseconds})`, (place) => ({
        place,
        run: () => ground.sleep(milliseconds),
      }));
    }),
    step: quiet((name: string, effect: () => unknown, options?: StepOptions) =>
      replay.step(`step:${name}`, () => outcomeOf(async () => effect(), options?.attempts)),
    ) as WorkflowContext["step"],
    now: () => new Date(replay.time),
    uuid() {
      const id = ids[idsGiven] ?? randomUUID();
      ids[idsGiven] = id;
      idsGiven += 1;
      return id;
    },
  };
}

async function outcomeOf(act: () => Promise<unknown>, attempts = 1): Promise<CallOutcome> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const value = await act();
      return { value: value === undefined ? undefined : JSON.parse(JSON.stringify(value)) };
    } catch (thrown) {
      const error = toLovageError(thrown);
      if (attempt >= attempts || !error.retryable) return { error: error.toRecord() };
    }
  }
}

/** A call that fails before the function awaits it is no unhandled rejection. */
function quiet<Args extends unknown[], T>(act: (...args: Args) => Promise<T>): (...args: Args) => Promise<T> {
  return (...args) => {
    const promise = act(...args);
    promise.catch(() => {});
    return promise;
  };
}

/** The result that a test gives to a workflow's call. @throws LovageError `CALL_UNSCRIPTED`, or what the test throws */
export async function scriptedResult(
  calls: Readonly<Record<string, unknown>>,
  task: string,
  input: unknown,
): Promise<unknown> {
  if (!Object.hasOwn(calls, task)) {
    throw new LovageError(
      "CALL_UNSCRIPTED",
      `the workflow called ${task}, for which the test has no result`,
      {
        field: "calls",
        value: task,
        hint: `give perform one: { calls: { ${JSON.stringify(task)}: … } }, or use createEagerClient`,
      },
    );
  }
  const result = calls[task];
  return typeof result === "function" ? result(input) : result;
}
