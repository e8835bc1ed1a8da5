import type { Duration } from "../core/durations.ts";
import type { Progress } from "../core/progress.ts";
import type { Dependencies } from "./dependencies.ts";
import type { RayProgram } from "./ray-program.ts";

/** A logger whose lines already carry the job's id, task, queue and attempt. */
export interface TaskLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** One node of the Ray cluster. */
export interface ClusterNode {
  id: string;
  address: string;
  alive: boolean;
  head: boolean;
  cpus: number;
}

/** What the cluster is asked for and has not given yet. */
export interface PendingDemand {
  resources: Record<string, number>;
  count: number;
}

/** A finished Ray job as the cluster lists it. */
export interface FinishedRayJob {
  submissionId: string;
  /** The name of the cluster; absent: default. */
  cluster?: string;
  status: "SUCCEEDED" | "FAILED" | "STOPPED";
  /** Milliseconds since 1970; null when the cluster does not say. */
  endedAt: number | null;
}

/** The Ray clusters, as far as operating tasks need them: nodes and demand are the default one's. All calls reject with a coded error when it does not answer. */
export interface ClusterOperations {
  nodes(): Promise<ClusterNode[]>;
  pendingDemand(): Promise<PendingDemand[]>;
  /** Terminal Ray jobs that Lovage submitted, on every cluster that answers; nobody else's. */
  finishedRayJobs(): Promise<FinishedRayJob[]>;
  /** @param cluster default: "default" */
  deleteRayJob(submissionId: string, cluster?: string): Promise<boolean>;
}

export interface RedisHealth {
  version: string;
  usedBytes: number;
  /** 0: no limit. */
  maxBytes: number;
  policy: string;
  appendOnly: boolean;
  /** Whether the last write of the append-only file and the last snapshot went well. */
  persistenceOk: boolean;
}

export interface QueueHealth {
  queue: string;
  waiting: number;
  scheduled: number;
  active: number;
  failed: number;
  /** Milliseconds the oldest waiting job has waited; null when none waits. */
  oldestMilliseconds: number | null;
  workers: number;
}

export interface RemovedCounts {
  completed: number;
  failed: number;
}

/** Redis and the queues, as far as operating tasks need them. */
export interface BrokerOperations {
  redis(): Promise<RedisHealth>;
  queues(): Promise<QueueHealth[]>;
  /** Removes jobs (with their logs and results) that ended longer ago than `age` milliseconds. */
  removeEnded(age: number, dryRun: boolean): Promise<Record<string, RemovedCounts>>;
  /** Cuts the log of each ended job that ended longer ago than `age` milliseconds; returns how many were cut. */
  removeLogs(age: number, dryRun: boolean): Promise<number>;
}

/** A few small values that a task keeps in Redis between its jobs. Keys are the task's own. */
export interface TaskMemory {
  get(key: string): Promise<string | undefined>;
  /** @param ttl milliseconds after which it is forgotten */
  set(key: string, value: string, ttl: number): Promise<void>;
  /** Sets the key only if nobody has; true when it was set by this call. */
  claim(key: string, value: string, ttl: number): Promise<boolean>;
  forget(key: string): Promise<void>;
}

/** Settings of the deployment that tasks may read. Secrets in it must never be logged or returned. */
export interface TaskSettings {
  expectedNodes: number;
  expectedCpus: number;
  /** The folders as this worker sees them. */
  datasetsDir: string;
  modelsDir: string;
  healthChannels: readonly NotificationChannel[];
  webhookUrl: string | undefined;
  smtpUrl: string | undefined;
  emailFrom: string | undefined;
  emailTo: string | undefined;
}

export const notificationChannels = ["log", "webhook", "email"] as const;
export type NotificationChannel = (typeof notificationChannels)[number];

/** The Ray cluster, as far as a task may run its own work on it. */
export interface RayPrograms {
  /**
   * Runs one program on the cluster and waits for its result, which no schema checks. One Ray job an attempt: after a
   * worker's death the task is run again from its start, and this call finds the Ray job that runs already. It is
   * stopped when the job is cancelled, a time limit passes, or the task ends without waiting for it.
   * @throws LovageError `RAY_JOB_SECOND` at a second call in one attempt; `PROGRAM_MISSING`; whatever ends a Ray task
   */
  run(program: RayProgram, input: unknown): Promise<unknown>;
}

/** All that a running task may touch. */
export interface TaskContext {
  readonly job: {
    readonly id: string;
    readonly task: string;
    readonly queue: string;
    /** Counted from 1. */
    readonly attempt: number;
    /** How many attempts the job has in all. */
    readonly attempts: number;
    /**
     * A fencing token: larger at each begin of this job than at any before, also where the attempt is the same one, begun
     * again after its worker died or fell silent. Who stores it with an effect, and refuses an effect whose fence is
     * smaller than the one stored, is safe from a worker that was taken for dead and wakes up late. Counted from 1, with
     * gaps. Only a Redis that lost its last second, or was restored from a backup, may count a number twice.
     */
    readonly fence: number;
    readonly enqueuedAt: Date;
    readonly tags: readonly string[];
    readonly metadata: Readonly<Record<string, unknown>>;
    /** What hooks sent along from the caller; jobs that this one enqueues get them too. */
    readonly headers: Readonly<Record<string, string>>;
  };
  readonly worker: { readonly name: string };
  /**
   * Aborted when the job is cancelled, its soft or hard time limit has passed, its lock is lost, or the worker's shutdown
   * deadline has passed. The reason is a LovageError that says which.
   */
  readonly signal: AbortSignal;
  readonly logger: TaskLogger;
  /**
   * Reports progress. The first report is written at once, and this resolves when Redis has it. What is reported within
   * 100 ms of the last write is held back, and this resolves without waiting for it: the newest of these is written when
   * they are over, and the last one always before the job's end. A job whose lock was lost reports nothing any more.
   */
  progress(progress: Progress): Promise<void>;
  /**
   * Adds a line to the job's own log, which is kept with the job, bounded; resolves when Redis has it. Lines that come
   * while another is written go together, and of more than are kept of a log the oldest are left out.
   */
  log(line: string): Promise<void>;
  /**
   * Enqueues another task by name. With an `id`, a second call of the same id does nothing.
   * @returns the id of the new job
   */
  enqueue(task: string, input: unknown, options?: { id?: string }): Promise<string>;
  /**
   * Asks for another attempt: `throw context.retry({ delay: "30s" })`. It counts as an attempt; after the last one the
   * job fails with the cause, or with `RETRY_REQUESTED`.
   */
  retry(options?: { delay?: Duration; reason?: string; cause?: unknown }): Error;
  readonly dependencies: Dependencies;
  readonly ray: RayPrograms;
  readonly cluster: ClusterOperations;
  readonly broker: BrokerOperations;
  readonly memory: TaskMemory;
  readonly settings: TaskSettings;
}
