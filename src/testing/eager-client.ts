import type { Call, Client } from "../client/client.ts";
import type { JobHandle } from "../client/handle.ts";
import { toMilliseconds } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import type { EnqueueOptions } from "../queue/enqueue-options.ts";
import { prepareJob } from "../queue/producer.ts";
import { canvas } from "../task/builtin.ts";
import {
  type AnyTask,
  type Catalogue,
  describeTask,
  type TasksOf,
  type TaskTypes,
} from "../task/catalogue.ts";
import type { Call as WireCall } from "../task/codec.ts";
import type { TaskMemory } from "../task/context.ts";
import { type ContinuedEnd, callAfter } from "../task/continuation.ts";
import { createEnqueueGate } from "../task/enqueue-hooks.ts";
import type { Hooks } from "../task/hooks.ts";
import { validate } from "../task/validation.ts";
import { type Ground, runAttempt, type TestOutcome } from "./attempt.ts";
import { createClock, type TestClock } from "./clock.ts";
import type { ContextOverrides } from "./context.ts";
import { createEagerHandle } from "./eager-handle.ts";
import { change, createEagerJob, type EagerJob, hasEnded } from "./eager-job.ts";
import { createKeyedJobs } from "./eager-keys.ts";
import { createEnqueuedCalls, type EnqueuedCalls } from "./enqueued.ts";
import { createTestMemory } from "./memory.ts";
import { createScripts, type RayScript } from "./scripted-jobs.ts";

export interface EagerClientOptions {
  /**
   * `immediately` (the default): a call runs its job to the end, with all attempts, before it resolves. `on-drain`: jobs
   * wait until {@link EagerClient.drain}. Either way a job with a delay waits for the clock.
   */
  run?: "immediately" | "on-drain";
  /** Default: one that stands at the present. */
  clock?: TestClock;
  context?: ContextOverrides;
  ray?: RayScript;
  /** Around calls and runs, as of a client and a worker. */
  hooks?: readonly Hooks[];
}

/** How many jobs ended how. */
export type DrainReport = Record<"completed" | "failed" | "cancelled" | "expired", number>;

/** A client that runs its jobs itself, in this process, without Redis: no back-off, no limits of rate, nothing shared. */
export interface EagerClient<Tasks extends TaskTypes>
  extends Pick<Client<Tasks>, "enqueue" | "enqueueMany" | "start" | "get" | "tasks" | "close"> {
  /** Runs all jobs that wait, and those they enqueue, by priority and then in order. */
  drain(): Promise<DrainReport>;
  /** What was enqueued, by callers and by tasks. */
  readonly enqueued: EnqueuedCalls;
  readonly clock: TestClock;
}

export function createEagerClient<const Definitions extends readonly AnyTask[]>(
  catalogue: Catalogue<Definitions>,
  options: EagerClientOptions = {},
): EagerClient<TasksOf<Catalogue<Definitions>>> {
  const { run: mode = "immediately", clock = createClock(), context: overrides = {}, hooks = [] } = options;
  const jobs = new Map<string, EagerJob>();
  const memories = new Map<string, TaskMemory>();
  const enqueued = createEnqueuedCalls();
  const keyed = createKeyedJobs(clock.now);
  const { workerName = "test" } = overrides;
  const gate = createEnqueueGate(hooks, () => {});
  const ground: Ground = {
    catalogue: catalogue as unknown as Catalogue,
    overrides,
    hooks,
    memory(task) {
      const memory = memories.get(task) ?? createTestMemory(clock.now);
      memories.set(task, memory);
      return memory;
    },
    takeScript: createScripts(options.ray),
    now: clock.now,
    sleep: (milliseconds) => clock.advance(milliseconds),
    async call(headers, task, input, { delay, ...callOptions }) {
      if (delay !== undefined) await clock.advance(delay);
      const [job] = await place([{ task, input, options: callOptions }], headers);
      if (job?.state === "waiting") await runToEnd(job);
      return handleOf(job as EagerJob).result();
    },
    async enqueue(headers, task, input, callOptions) {
      const [job] = await place([{ task, input, options: callOptions ?? {} }], headers);
      return (job as EagerJob).id;
    },
  };

  async function place(
    calls: readonly { task: string; input: unknown; options?: EnqueueOptions }[],
    headers?: Readonly<Record<string, string>>,
  ): Promise<EagerJob[]> {
    const prepared = calls.map(({ task, input, options: callOptions = {} }) => {
      const entry = catalogue.get(task);
      validate(entry.input, input, "INPUT_INVALID", `the input of ${task}`);
      const job = prepareJob(entry, input, callOptions);
      if (headers !== undefined) job.data.meta.headers = { ...headers };
      return { ...job, options: callOptions };
    });
    await gate?.before(prepared);
    const placed: EagerJob[] = [];
    for (const job of prepared) placed.push(await add(job));
    await gate?.after(prepared, placed);
    return placed;
  }

  async function add({
    name,
    queue,
    data,
    opts,
    options: callOptions,
  }: ReturnType<typeof prepareJob> & { options: EnqueueOptions }): Promise<EagerJob> {
    const input = JSON.parse(JSON.stringify(data.input ?? null));
    const same = jobs.get(keyOf(queue, opts.jobId)) ?? keyed.same(name, input, callOptions);
    if (same !== undefined) return same;
    const replaced = keyed.replaced(name, callOptions);
    if (replaced !== undefined) forget(replaced);
    const call: WireCall = { ...data, input, meta: { ...data.meta, ...expiryOf(callOptions) } };
    const job = createEagerJob({
      id: opts.jobId,
      task: name,
      queue,
      call,
      attempts: opts.attempts ?? 1,
      priority: opts.priority ?? 0,
      enqueuedAt: clock.now(),
    });
    jobs.set(keyOf(queue, job.id), job);
    keyed.keep(job, callOptions);
    const headers = call.meta.headers ?? {};
    enqueued.add({ id: job.id, task: name, input, options: { ...callOptions }, headers });
    const due = dueAt(callOptions);
    if (due > clock.now()) {
      change(job, { state: "scheduled", unschedule: clock.at(due, () => begin(job)) });
    } else await begin(job);
    return job;
  }

  async function begin(job: EagerJob): Promise<void> {
    change(job, { state: "waiting" });
    if (mode === "immediately") await runToEnd(job);
  }

  /** All attempts, without a wait between them. */
  async function runToEnd(job: EagerJob): Promise<void> {
    change(job, { state: "active", startedAt: clock.now() });
    let outcome: TestOutcome;
    do {
      job.attempt += 1;
      outcome = await attemptOf(job);
    } while (outcome.type === "retry" && !job.controller.signal.aborted);
    await end(job, outcome);
  }

  function attemptOf(job: EagerJob): Promise<TestOutcome> {
    const { id, task, queue, call, attempt, attempts, enqueuedAt, controller } = job;
    const delivery = { id, task, queue, call, attempt, attempts, enqueuedAt, signal: controller.signal };
    const begin = { ...delivery, fence: attempt, firstStart: attempt === 1 };
    return runAttempt(begin, ground, job.records, () => change(job, {}));
  }

  async function end(job: EagerJob, outcome: TestOutcome): Promise<void> {
    const endedAt = clock.now();
    let how: ContinuedEnd;
    if (outcome.type === "completed") {
      change(job, { state: "completed", endedAt, output: outcome.output });
      how = { output: outcome.passedOn };
    } else {
      const error = "error" in outcome ? outcome.error : notRun(job, outcome.type);
      const state = outcome.type === "cancelled" || outcome.type === "expired" ? outcome.type : "failed";
      change(job, { state, endedAt, error: error.toRecord() });
      how = { error };
    }
    const next = job.state === "cancelled" ? undefined : callAfter(job, job.call.meta, how);
    if (next !== undefined) await place([next], job.call.meta.headers);
  }

  function cancel(job: EagerJob, reason: string): "cancelled" | "cancelling" | "ended" {
    if (hasEnded(job)) return "ended";
    const error = new LovageError("JOB_CANCELLED", reason);
    job.cancelRequested = true;
    job.unschedule?.();
    if (job.state === "active") {
      job.controller.abort(error);
      return "cancelling";
    }
    change(job, { state: "cancelled", endedAt: clock.now(), error: error.toRecord() });
    return "cancelled";
  }

  function forget(job: EagerJob): void {
    job.unschedule?.();
    jobs.delete(keyOf(job.queue, job.id));
  }

  /** Time is the test's clock, not the one that the options are read by. */
  function expiryOf({ expires }: EnqueueOptions): { expiresAt?: number } {
    if (expires === undefined) return {};
    return { expiresAt: expires instanceof Date ? expires.getTime() : clock.now() + toMilliseconds(expires) };
  }

  function dueAt({ at, delay, deduplication }: EnqueueOptions): number {
    if (at !== undefined) return new Date(at).getTime();
    const wait = deduplication?.mode === "debounce" ? deduplication.ttl : (delay ?? 0);
    return clock.now() + toMilliseconds(wait, "delay");
  }

  const handleOf = (job: EagerJob) =>
    createEagerHandle(job, {
      workerName,
      cancel,
      forget,
      now: clock.now,
    }) satisfies JobHandle as JobHandle<never>;

  const client: EagerClient<TaskTypes> = {
    clock,
    enqueued,
    async enqueue(task, input, callOptions = {}) {
      const [job] = await place([{ task, input, options: callOptions }]);
      return handleOf(job as EagerJob);
    },
    async start(composition, callOptions = {}) {
      const [job] = await place([{ task: canvas.name, input: composition, options: callOptions }]);
      return handleOf(job as EagerJob);
    },
    async enqueueMany(calls: readonly Call<TaskTypes>[]) {
      return (await place(calls as Parameters<typeof place>[0])).map(handleOf);
    },
    async get(id, { queue } = {}) {
      const found = [...jobs.values()].filter(
        (job) => job.id === id && (queue === undefined || job.queue === queue),
      );
      const [job] = found;
      if (job !== undefined && found.length === 1) return handleOf(job);
      const code = job === undefined ? "JOB_NOT_FOUND" : "JOB_AMBIGUOUS";
      throw new LovageError(code, `${found.length || "no"} jobs have the id ${JSON.stringify(id)}`, {
        field: "id",
        value: id,
      });
    },
    tasks: async () => catalogue.tasks.map(describeTask),
    async drain() {
      const report: DrainReport = { completed: 0, failed: 0, cancelled: 0, expired: 0 };
      for (let job = first(jobs); job !== undefined; job = first(jobs)) {
        await runToEnd(job);
        report[job.state as keyof DrainReport] += 1;
      }
      return report;
    },
    close: async () => {},
  };
  return client as unknown as EagerClient<TasksOf<Catalogue<Definitions>>>;
}

/** The next that waits: by priority, then in order. */
function first(jobs: ReadonlyMap<string, EagerJob>): EagerJob | undefined {
  const waiting = [...jobs.values()].filter((job) => job.state === "waiting");
  return waiting.toSorted((a, b) => a.priority - b.priority)[0];
}

function keyOf(queue: string, id: string): string {
  return `${queue}:${id}`;
}

function notRun(job: EagerJob, type: string): LovageError {
  return new LovageError("TASK_INVALID", `the eager client cannot run ${job.task} to its end: ${type}`);
}
