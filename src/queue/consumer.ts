import {
  DelayedError,
  type Job,
  UnrecoverableError,
  WaitingChildrenError,
  WaitingError,
  Worker,
} from "bullmq";
import { backoffDelay } from "../core/backoff.ts";
import { LovageError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import type { Progress } from "../core/progress.ts";
import { sleepName } from "../task/builtin.ts";
import type { Call } from "../task/codec.ts";
import type { RetryPolicy } from "../task/definition.ts";
import type { Delivery, Outcome } from "../task/execute.ts";
import type { Broker } from "./broker.ts";
import { letThrough } from "./cancellation.ts";
import { jobFields } from "./keys.ts";
import { appendLog } from "./log.ts";
import { wakeWorkflow } from "./parked-workflows.ts";
import { createWorkflowRecord, type WorkflowRecord } from "./workflow-record.ts";

/** A job that this process runs right now, and what may be done to it meanwhile. */
export interface HeldJob extends Delivery {
  /** When this worker took it, in milliseconds since 1970. */
  readonly takenAt: number;
  progress(progress: Progress): Promise<void>;
  /** Adds lines to the job's log, and in the same step notes how far a log that is mirrored was read. */
  log(lines: readonly string[], cursor?: string): Promise<void>;
  readLogCursor(): Promise<string | undefined>;
  /** The JSON of the attempt's Ray job, as the last worker left it. */
  readRayJob(): Promise<string | undefined>;
  /** @throws LovageError `LOCK_LOST` when another worker holds the job by now */
  writeRayJob(json: string): Promise<void>;
  /** What Redis holds of the workflow that the job is. */
  workflow(): WorkflowRecord;
}

/** What is left of a job that nobody holds any more. */
export type GivenUpJob = Pick<
  HeldJob,
  | "id"
  | "task"
  | "queue"
  | "data"
  | "attempt"
  | "attempts"
  | "enqueuedAt"
  | "signal"
  | "readRayJob"
  | "workflow"
>;

export interface ConsumerOptions {
  broker: Broker;
  queue: string;
  concurrency: number;
  workerName: string;
  /** Milliseconds without renewal after which another worker takes a job over. */
  lockDuration: number;
  retention: { result: Retention; failure: Retention; logLines: number };
  retryPolicy(task: string): RetryPolicy | undefined;
  run(job: HeldJob): Promise<Outcome>;
  onError(error: Error): void;
  onStalled(jobId: string): void;
  /** Told of a job that failed without being run again, because its workers died too often. */
  onGivenUp(job: GivenUpJob): Promise<void>;
}

interface Retention {
  /** Milliseconds. */
  age: number;
  count: number;
}

/** Takes the jobs of one queue. */
export interface Consumer {
  start(): Promise<void>;
  /** Takes no more jobs; resolves when those running have ended or were handed back. */
  drain(): Promise<void>;
  /** Aborts the running jobs that `matches` picks. */
  abort(reason: LovageError, matches: (job: Delivery) => boolean): void;
  /** The ids of the running jobs. */
  running(): string[];
  /** The running jobs. */
  held(): HeldJob[];
  status(): ConsumerStatus;
  /** How many jobs it runs at once from now on; those running beyond it go on. */
  setConcurrency(concurrency: number): Promise<void>;
  /** Takes no more jobs until it is resumed; those running go on. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

export interface ConsumerStatus {
  name: string;
  concurrency: number;
  active: number;
  /** When it last took a job, in milliseconds since 1970; null: never. */
  takenAt: number | null;
  paused: boolean;
}

/** A job that outlives this many workers is likely to kill them; Ray jobs survive, so there may be several deploys. */
const maxStalledCount = 10;

/** How long a job is put aside whose earlier run this very process is still ending, in milliseconds. */
const stillEndingDelay = 1000;

/** How often the running jobs' records are looked at for a cancellation whose announcement was missed. */
const cancellationCheckInterval = 2000;

export function createConsumer(options: ConsumerOptions): Consumer {
  const { broker, queue } = options;
  const held: Held = new Map();
  /** The jobs put aside for another attempt since the last look for cancellations. */
  let retried: string[] = [];
  let worker: Worker | undefined;
  let timer: NodeJS.Timeout | undefined;
  let draining = false;
  let paused = false;
  let { concurrency } = options;
  let takenAt: number | null = null;

  async function handle(job: Job, token = ""): Promise<unknown> {
    const id = job.id ?? "";
    // BullMQ runs what it fetched while it closes: jobs on their way, and, woken by the hand-back, the very job that
    // was just handed back. While it pauses it takes one more, too, for which it was waiting.
    if (draining || paused)
      return handBackUnstarted(options, job, () => job.moveToWait(token), new WaitingError());
    // The lock was lost, the job came back, and the first run is not over yet: two at once would be one too many.
    if (held.has(id)) {
      const later = () => job.moveToDelayed(Date.now() + stillEndingDelay, token);
      return handBackUnstarted(options, job, later, new DelayedError());
    }
    const controller = new AbortController();
    const delivery = new BullJob(options, job, token, controller, held);
    held.set(id, delivery);
    takenAt = delivery.takenAt;
    try {
      const outcome = await options.run(delivery);
      if (outcome.type === "retry") retried.push(id);
      return outcome.type === "completed" ? outcome.output : await end(options, job, token, outcome);
    } finally {
      // A workflow that was parked may be held again by now.
      if (held.get(id) === delivery) held.delete(id);
    }
  }

  function abortById(id: string, reason: LovageError): void {
    held.get(id)?.controller.abort(reason);
  }

  /** BullMQ itself tells a workflow when its last call has ended. */
  function tellWorkflow({ id, queueKey }: NonNullable<Job["parent"]>, why: "ended" | "now"): void {
    const parent = { id: id ?? "", queue: queueKey.slice(broker.keys.prefix.length + 1) };
    wakeWorkflow(broker, parent, why).catch(options.onError);
  }

  async function checkCancellations(): Promise<void> {
    // A job that was cancelled while its next attempt was being put aside is not left to wait for its time.
    const aside = retried;
    retried = [];
    const ids = [...held.keys(), ...aside];
    if (ids.length === 0) return;
    const pipeline = broker.redis.pipeline();
    for (const id of ids) pipeline.hget(broker.keys.job(queue, id), jobFields.cancel);
    const answers = (await pipeline.exec()) ?? [];
    for (const [index, id] of ids.entries()) {
      const wish = answers[index]?.[1];
      if (typeof wish !== "string") continue;
      const { reason } = (parseJson(wish) ?? {}) as { reason?: string };
      abortById(id, new LovageError("JOB_CANCELLED", reason ?? "cancelled"));
      if (aside.includes(id)) await letThrough(broker, { queue, id });
    }
  }

  return {
    async start() {
      worker = new Worker(queue, handle, {
        connection: broker.redis,
        prefix: broker.keys.prefix,
        name: options.workerName,
        concurrency,
        lockDuration: options.lockDuration,
        stalledInterval: Math.max(1000, options.lockDuration / 2),
        maxStalledCount,
        removeOnComplete: keep(options.retention.result),
        removeOnFail: keep(options.retention.failure),
        settings: {
          backoffStrategy: (attempt, _type, error, job) => retryDelay(options, attempt, error, job),
        },
      });
      worker.on("error", options.onError);
      worker.on("stalled", options.onStalled);
      worker.on("completed", (job) => {
        if (job.parent !== undefined) tellWorkflow(job.parent, job.name === sleepName ? "now" : "ended");
      });
      worker.on("failed", (job) => {
        if (job?.parent !== undefined && job.finishedOn !== undefined) tellWorkflow(job.parent, "now");
        if (job?.id === undefined || job.deferredFailure === undefined) return;
        options.onGivenUp(new BullJob(options, job, "", new AbortController(), held)).catch(options.onError);
      });
      worker.on("lockRenewalFailed", (ids) => {
        for (const id of ids)
          abortById(id, new LovageError("LOCK_LOST", "the worker could not renew its lock in time"));
      });
      timer = setInterval(() => checkCancellations().catch(options.onError), cancellationCheckInterval);
      await worker.waitUntilReady();
    },
    async drain() {
      draining = true;
      try {
        await worker?.close();
      } finally {
        // Jobs that end their last run are looked after until then: it may take hours.
        clearInterval(timer);
      }
    },
    abort(reason, matches) {
      for (const job of held.values()) {
        if (matches(job)) job.controller.abort(reason);
      }
    },
    running: () => [...held.keys()],
    held: () => [...held.values()],
    status: () => ({ name: queue, concurrency, active: held.size, takenAt, paused }),
    async setConcurrency(count) {
      concurrency = count;
      if (worker === undefined) return;
      worker.concurrency = count;
      // With all its slots taken it would notice only when a job ends; a resume makes it look at once.
      if (!paused && !draining) await wake(worker);
    },
    async pause() {
      paused = true;
      await worker?.pause(true);
    },
    async resume() {
      paused = false;
      await worker?.resume();
    },
  };
}

async function wake(worker: Worker): Promise<void> {
  await worker.pause(true);
  await worker.resume();
}

/** The jobs of one queue that this process runs, by id. */
type Held = Map<string, BullJob>;

/** A class, since one is made for every job: the closures of an object literal would be made anew each time. */
class BullJob implements HeldJob {
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  readonly data: unknown;
  readonly attempt: number;
  readonly attempts: number;
  readonly enqueuedAt: number;
  readonly firstStart: boolean;
  readonly takenAt = Date.now();
  readonly signal: AbortSignal;
  readonly controller: AbortController;
  readonly #options: ConsumerOptions;
  readonly #job: Job;
  readonly #token: string;
  readonly #held: Held;

  constructor(options: ConsumerOptions, job: Job, token: string, controller: AbortController, held: Held) {
    this.id = job.id ?? "";
    this.task = job.name;
    this.queue = options.queue;
    this.data = job.data;
    // Only a failed attempt counts: a job handed back, or taken over after a crash, goes on with the same attempt.
    this.attempt = job.attemptsMade + 1;
    // BullMQ for Python writes 0 where nothing was asked for.
    this.attempts = job.opts.attempts || 1;
    this.enqueuedAt = job.timestamp;
    this.firstStart = job.attemptsStarted <= 1;
    this.signal = controller.signal;
    this.controller = controller;
    this.#held = held;
    this.#options = options;
    this.#job = job;
    this.#token = token;
  }

  progress(progress: Progress): Promise<void> {
    return this.#job.updateProgress(progress);
  }

  log(lines: readonly string[], cursor?: string): Promise<void> {
    const { broker, queue, retention } = this.#options;
    return appendLog(
      broker,
      { queue, id: this.id, token: this.#token },
      { lines, cursor },
      retention.logLines,
    );
  }

  readLogCursor(): Promise<string | undefined> {
    return readField(this.#options.broker, this.queue, this.id, jobFields.logCursor);
  }

  readRayJob(): Promise<string | undefined> {
    return readField(this.#options.broker, this.queue, this.id, jobFields.rayJob);
  }

  writeRayJob(json: string): Promise<void> {
    return setHeld(this.#options, this.id, this.#token, jobFields.rayJob, json);
  }

  workflow(): WorkflowRecord {
    const { id, queue } = this;
    const { broker, lockDuration } = this.#options;
    return createWorkflowRecord(broker, {
      id,
      queue,
      token: this.#token,
      job: this.#job,
      lockDuration,
      onLockLost: (error) => this.controller.abort(error),
      // Once parked it may be taken again before this run has quite ended.
      release: () => this.#held.delete(id),
      retake: () => this.#held.set(id, this),
    });
  }
}

async function readField(
  broker: Broker,
  queue: string,
  id: string,
  field: string,
): Promise<string | undefined> {
  return (await broker.redis.hget(broker.keys.job(queue, id), field)) ?? undefined;
}

/** A failure with another attempt to come; `delay` milliseconds later where the task said so. */
class RetryError extends Error {
  readonly delay: number | undefined;
  constructor(message: string, delay: number | undefined) {
    super(message);
    this.delay = delay;
  }
}

/** Milliseconds; -1 tells BullMQ that there is no next attempt. */
function retryDelay(
  options: ConsumerOptions,
  attempt: number,
  error: unknown,
  job: Pick<Job, "data" | "name"> | undefined,
): number {
  if (error instanceof RetryError && error.delay !== undefined) return error.delay;
  // Data that is no call fails for good before anything asks here.
  const asked = (job?.data as Partial<Call> | undefined)?.meta?.backoff;
  if (asked !== undefined) return backoffDelay(asked, attempt);
  const policy = options.retryPolicy(job?.name ?? "");
  return policy === undefined ? -1 : backoffDelay({ delay: policy.backoff, max: policy.maxBackoff }, attempt);
}

/** Turns an outcome that is no result into what BullMQ understands. */
async function end(
  options: ConsumerOptions,
  job: Job,
  token: string,
  outcome: Exclude<Outcome, { type: "completed" }>,
): Promise<never> {
  if (outcome.type === "waiting-children") throw new WaitingChildrenError();
  if (outcome.type === "postponed") {
    const park = async () => {
      await job.moveToDelayed(Date.now() + outcome.milliseconds, token);
      await outcome.parked?.();
    };
    return handBackUnstarted(options, job, park, new DelayedError());
  }
  const { error, type } = outcome;
  if (type === "handed-back") {
    // With the lock lost the job is no longer ours to move; whoever has the lock goes on.
    if (error.code === "WORKER_STOPPING") await job.moveToWait(token);
    throw new WaitingError();
  }
  await setHeld(options, job.id ?? "", token, jobFields.error, JSON.stringify(error.toRecord()));
  const reason = `${error.code}: ${error.message}`;
  const thrown =
    outcome.type === "retry" ? new RetryError(reason, outcome.delay) : new UnrecoverableError(reason);
  if (error.stack !== undefined) thrown.stack = error.stack;
  throw thrown;
}

async function handBackUnstarted(
  { broker, queue }: ConsumerOptions,
  job: Job,
  move: () => Promise<unknown>,
  moved: WaitingError | DelayedError,
): Promise<never> {
  // BullMQ counts a fetch as a start; an expiry must still find that the job never started.
  await broker.redis.hincrby(broker.keys.job(queue, job.id ?? ""), "ats", -1);
  await move();
  throw moved;
}

async function setHeld(
  options: ConsumerOptions,
  id: string,
  token: string,
  field: string,
  value: string,
): Promise<void> {
  const { keys, redis } = options.broker;
  const done = await redis.lovageSetHeld(
    keys.job(options.queue, id),
    keys.lock(options.queue, id),
    token,
    field,
    value,
  );
  if (done === 0) throw new LovageError("LOCK_LOST", `another worker holds the job ${id} by now`);
}

/** BullMQ counts ages in seconds. */
function keep(retention: Retention): { age: number; count: number } {
  return { age: Math.ceil(retention.age / 1000), count: retention.count };
}
