import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { backoffDelay } from "../core/backoff.ts";
import { type Duration, toMilliseconds } from "../core/durations.ts";
import { LovageError, toLovageError } from "../core/errors.ts";
import type { Broker } from "../queue/broker.ts";
import type { HeldJob } from "../queue/consumer.ts";
import { readManifests } from "../queue/manifests.ts";
import { type PreparedJob, prepareJob, type Target } from "../queue/producer.ts";
import { callId, type WorkflowRecord } from "../queue/workflow-record.ts";
import { sleepName } from "../task/builtin.ts";
import type { CallOptions } from "../task/call-options.ts";
import { chunkName } from "../task/canvas.ts";
import type { Catalogue } from "../task/catalogue.ts";
import type { TaskContext } from "../task/context.ts";
import type { EnqueueGate } from "../task/enqueue-hooks.ts";
import { type Attempt, parked } from "../task/execute.ts";
import { type CallOutcome, type History, Replay, type ReplayHost } from "../task/replay.ts";
import { validate } from "../task/validation.ts";
import {
  type Callable,
  type StepOptions,
  type WorkflowContext,
  workflowFunctionOf,
} from "../task/workflow.ts";

/** A call that the function makes, before its place is known to Redis. */
type MadeCall = () => Promise<PreparedJob>;

interface Parts {
  broker: Broker;
  catalogue: Catalogue;
  /** What the hooks do to each call. */
  gate: EnqueueGate | undefined;
}

/** True within a step's effect. */
const inStep = new AsyncLocalStorage<boolean>();

/** Runs a workflow's function as far as it gets; resolves to its result or, when it waits for calls, to `parked`. */
export async function runWorkflow(
  parts: Parts,
  attempt: Attempt<HeldJob>,
  context: TaskContext,
): Promise<unknown> {
  const record = keeping(attempt.delivery.workflow());
  const letGo = record.keepLock();
  try {
    return await runUntilParked(parts, attempt, context, record);
  } finally {
    letGo();
  }
}

async function runUntilParked(
  parts: Parts,
  { delivery: job, signals, input, task, call }: Attempt<HeldJob>,
  context: TaskContext,
  record: WorkflowRecord,
): Promise<unknown> {
  for (;;) {
    const { history = firstHistory(), outcomes } = await record.load();
    const host: ReplayHost<MadeCall> = {
      signal: signals.end,
      now: Date.now,
      save: (next) => record.save(next),
      saveStep: (place, outcome) => record.saveStep(place, outcome),
      async add(calls, added) {
        const jobs = await Promise.all(calls.map((make) => make()));
        const { headers } = call.meta;
        if (headers !== undefined) for (const made of jobs) made.data.meta.headers = headers;
        await parts.gate?.before(jobs);
        await record.add(jobs, added);
        await parts.gate?.after(
          jobs,
          jobs.map(({ opts, queue }) => ({ id: opts.jobId, queue })),
        );
      },
    };
    const replay = new Replay(history, outcomes, host);
    const workflow = createWorkflowContext(parts, job, context, replay);
    const replayed = await replay.run(async () => workflowFunctionOf(task)(input, workflow));
    if (replayed.type === "ended") {
      await record.cancelCalls("the workflow ended without waiting for it");
      return replayed.value;
    }
    const pending = history.calls.length - outcomes.size;
    if (await record.park(pending)) return parked;
    await loseVanished(record, history.calls.length);
  }
}

function firstHistory(): History {
  return { calls: [], batches: [], startedAt: Date.now(), added: 0 };
}

/** Nothing is pending, so every call should have an outcome; a job that somebody removed by hand has none. */
async function loseVanished(record: WorkflowRecord, calls: number): Promise<void> {
  const { outcomes } = await record.load();
  const places = Array.from({ length: calls }, (_, place) => place).filter((place) => !outcomes.has(place));
  if (places.length > 0) await record.lose(places);
}

/** A Redis that fails in the middle must not fail the workflow: the job is taken up again when its lock has run out. */
function keeping(record: WorkflowRecord): WorkflowRecord {
  const kept = <Args extends unknown[], T>(act: (...args: Args) => Promise<T>) => {
    return async (...args: Args): Promise<T> => {
      try {
        return await act(...args);
      } catch (error) {
        if (error instanceof LovageError) throw error;
        throw new LovageError("LOCK_LOST", "the workflow's record could not be kept", { cause: error });
      }
    };
  };
  return {
    keepLock: record.keepLock,
    load: kept(record.load),
    save: kept(record.save),
    saveStep: kept(record.saveStep),
    add: kept(record.add),
    park: kept(record.park),
    lose: kept(record.lose),
    cancelCalls: kept(record.cancelCalls),
  };
}

function createWorkflowContext(
  parts: Parts,
  job: HeldJob,
  context: TaskContext,
  replay: Replay<MadeCall>,
): WorkflowContext {
  let ids = 0;

  function refuseInStep(what: string): void {
    if (inStep.getStore() !== true) return;
    // A step is not taken again when the workflow is run again, so what it calls would be missing then.
    throw new LovageError("TASK_INVALID", `context.${what} was called inside a step`, {
      field: what,
      hint: "call it before or after the step; a step's own randomness and time are remembered with its result",
    });
  }

  async function call(task: Callable | string, input: unknown, options: CallOptions = {}): Promise<unknown> {
    const name = typeof task === "string" ? task : task.name;
    refuseInStep("call");
    if (typeof task !== "string") validate(task.input, input, "INPUT_INVALID", `the input of ${name}`);
    const made = digest(JSON.stringify(input) ?? "");
    return replay.call(`${name}(${made})`, (place) => async () => {
      const target = await findTarget(parts, name, input);
      return prepareJob(target, input, options, callId(job.id, place));
    });
  }

  async function step<T>(name: string, effect: () => Promise<T> | T, options: StepOptions = {}): Promise<T> {
    refuseInStep("step");
    const act = () => inStep.run(true, () => attemptStep(effect, options, context.signal));
    return (await replay.step(`step:${name}`, act)) as T;
  }

  /** Only what happens for the first time is told. */
  const once =
    <Args extends unknown[]>(act: (...args: Args) => Promise<void>) =>
    async (...args: Args) => {
      if (!replay.replaying) await act(...args);
    };
  const logger = (level: "debug" | "info" | "warn" | "error") => (fields: object, message: string) => {
    if (!replay.replaying) context.logger[level](fields, message);
  };

  return {
    job: context.job,
    worker: context.worker,
    signal: context.signal,
    settings: context.settings,
    dependencies: context.dependencies,
    logger: { debug: logger("debug"), info: logger("info"), warn: logger("warn"), error: logger("error") },
    progress: once(context.progress),
    log: once(context.log),
    call: quiet(call) as WorkflowContext["call"],
    sleep: quiet(async (duration: Duration) => {
      refuseInStep("sleep");
      const delay = toMilliseconds(duration);
      const target: Target = { name: sleepName, queue: job.queue, retry: { attempts: 1 } };
      const make = (place: number) => prepareJob(target, {}, { delay }, callId(job.id, place));
      await replay.call(`sleep(${delay})`, (place) => async () => make(place));
    }),
    step: quiet(step) as WorkflowContext["step"],
    now: () => new Date(replay.time),
    uuid() {
      refuseInStep("uuid");
      ids += 1;
      return toUuid(createHash("sha256").update(`${job.id}\n${job.enqueuedAt}\n${ids}`).digest());
    },
  };
}

/** A call that fails before the function awaits it is no unhandled rejection: the function may come to it later. */
function quiet<Args extends unknown[], T>(act: (...args: Args) => Promise<T>): (...args: Args) => Promise<T> {
  return (...args) => {
    const promise = act(...args);
    promise.catch(() => {});
    return promise;
  };
}

/** Where a task's jobs go: as this worker knows it, else as another published it. */
async function findTarget(
  { broker, catalogue }: Omit<Parts, "gate">,
  name: string,
  input: unknown,
): Promise<Target> {
  if (name === chunkName) {
    const { queue } = await findTarget({ broker, catalogue }, (input as { task: string }).task, undefined);
    return { ...catalogue.get(name), queue };
  }
  try {
    return catalogue.get(name);
  } catch (error) {
    const manifest = (await readManifests(broker)).find((candidate) => candidate.name === name);
    if (manifest !== undefined) return manifest;
    throw error;
  }
}

async function attemptStep<T>(
  effect: () => Promise<T> | T,
  { attempts = 1, backoff = "1s" }: StepOptions,
  signal: AbortSignal,
): Promise<CallOutcome> {
  const delay = toMilliseconds(backoff, "backoff");
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { value: await effect() };
    } catch (thrown) {
      const error = toLovageError(thrown);
      if (attempt >= attempts || !error.retryable) return { error: error.toRecord() };
      await sleep(backoffDelay({ delay, max: 10 * delay }, attempt), undefined, { signal }).catch(() => {});
    }
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

/** Version 8 of RFC 9562: made from what the caller likes. */
function toUuid(bytes: Buffer): string {
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString("hex");
  return [
    [0, 8],
    [8, 12],
    [12, 16],
    [16, 20],
    [20, 32],
  ]
    .map(([from, to]) => hex.slice(from, to))
    .join("-");
}
