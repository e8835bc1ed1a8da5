import type { Job } from "bullmq";
import { LazyAborter } from "../core/abort.ts";
import type { Progress } from "../core/progress.ts";
import type { Delivery, Outcome } from "../task/execute.ts";
import type { Broker } from "./broker.ts";
import { setHeld } from "./held-field.ts";
import { jobFields } from "./keys.ts";
import { appendLog, heldLines, type LogAddition } from "./log.ts";
import { LogWriter } from "./log-writer.ts";
import { ProgressWriter } from "./progress-writer.ts";
import { createWorkflowRecord, type WorkflowRecord } from "./workflow-record.ts";

/** A job that this process runs right now, and what may be done to it meanwhile. */
export interface HeldJob extends Delivery {
  /** When this worker took it, in milliseconds since 1970. */
  readonly takenAt: number;
  /** When it could have started first: when it was enqueued, or the time it was given. Milliseconds since 1970. */
  readonly dueAt: number;
  /** The first is written at once; see {@link ProgressWriter} for those that follow quickly. */
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
  | "fence"
  | "enqueuedAt"
  | "signal"
  | "readRayJob"
  | "workflow"
>;

/** What the jobs of one queue have in common. */
export interface HeldJobOptions {
  broker: Broker;
  queue: string;
  /** Milliseconds without renewal after which another worker takes a job over. */
  lockDuration: number;
  retention: { logLines: number };
  /** Told of what could not be written for a job, where the job itself is not. */
  onError(error: Error): void;
}

/** The jobs of one queue that this process runs, by id. */
export type Held = Map<string, BullJob>;

/** A class, since one is made for every job: the closures of an object literal would be made anew each time. */
export class BullJob implements HeldJob {
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  readonly data: unknown;
  readonly attempt: number;
  readonly attempts: number;
  readonly fence: number;
  readonly enqueuedAt: number;
  readonly firstStart: boolean;
  readonly takenAt = Date.now();
  readonly dueAt: number;
  readonly aborter = new LazyAborter();
  readonly #options: HeldJobOptions;
  readonly #job: Job;
  readonly #token: string;
  readonly #held: Held;
  /** Few jobs report progress or write to their log: made at the first use. */
  #progress: ProgressWriter | undefined;
  #log: LogWriter | undefined;

  constructor(options: HeldJobOptions, job: Job, token: string, held: Held) {
    this.id = job.id ?? "";
    this.task = job.name;
    this.queue = options.queue;
    this.data = job.data;
    // Only a failed attempt counts: a job handed back, or taken over after a crash, goes on with the same attempt.
    this.attempt = job.attemptsMade + 1;
    // BullMQ for Python writes 0 where nothing was asked for.
    this.attempts = job.opts.attempts || 1;
    this.fence = job.attemptsStarted;
    this.enqueuedAt = job.timestamp;
    this.dueAt = job.timestamp + (job.opts.delay ?? 0);
    this.firstStart = job.attemptsStarted <= 1;
    this.#held = held;
    this.#options = options;
    this.#job = job;
    this.#token = token;
  }

  get signal(): AbortSignal {
    return this.aborter.signal;
  }

  async progress(progress: Progress): Promise<void> {
    this.#progress ??= new ProgressWriter((json) => this.#writeProgress(json), this.#options.onError);
    return this.#progress.report(progress);
  }

  /** What a job that is about to end told of itself must be there before its end; undefined: it told nothing. */
  endReports(outcome: Outcome): Promise<unknown> | undefined {
    // Its lock may have been lost because Redis is away: nothing must wait for that.
    const lost = outcome.type === "handed-back" && outcome.error.code === "LOCK_LOST";
    if (lost) this.#progress?.abandon();
    if (lost || (this.#progress ?? this.#log) === undefined) return undefined;
    return Promise.all([this.#progress?.close(), this.#log?.settle()]);
  }

  async #writeProgress(json: string): Promise<void> {
    const { broker, queue } = this.#options;
    const { keys, redis } = broker;
    const { id } = this;
    const { events, meta } = keys.at(id);
    await redis.lovageProgress(
      keys.job(queue, id),
      keys.lock(queue, id),
      events(queue),
      meta(queue),
      this.#token,
      id,
      json,
    );
  }

  log(lines: readonly string[], cursor?: string): Promise<void> {
    const { logLines } = this.#options.retention;
    this.#log ??= new LogWriter((addition) => this.#writeLog(addition), heldLines(logLines));
    return this.#log.add({ lines, cursor });
  }

  readLogCursor(): Promise<string | undefined> {
    return readField(this.#options.broker, this.queue, this.id, jobFields.logCursor);
  }

  #writeLog(addition: LogAddition): Promise<void> {
    const { broker, queue, retention } = this.#options;
    return appendLog(broker, { queue, id: this.id, token: this.#token }, addition, retention.logLines);
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
      onLockLost: (error) => this.aborter.abort(error),
      flush: async () => void (await Promise.all([this.#progress?.flush(), this.#log?.settle()])),
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
