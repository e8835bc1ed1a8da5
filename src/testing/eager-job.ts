import type { ErrorRecord } from "../core/errors.ts";
import { isEnded, type JobState } from "../core/states.ts";
import type { JobSnapshot } from "../queue/snapshot.ts";
import type { Call } from "../task/codec.ts";
import { createRecords, type RunRecords } from "./context.ts";

/** A job in a test's memory. */
export interface EagerJob {
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  readonly call: Call;
  readonly attempts: number;
  readonly priority: number;
  readonly enqueuedAt: number;
  readonly records: RunRecords;
  readonly controller: AbortController;
  state: JobState;
  /** Attempts begun. */
  attempt: number;
  startedAt?: number;
  endedAt?: number;
  output?: unknown;
  error?: ErrorRecord;
  cancelRequested: boolean;
  /** Takes a job that waits for its time off the clock. */
  unschedule?: () => void;
  /** Resolves at the job's next change. */
  changed: PromiseWithResolvers<void>;
}

export type NewJob = Pick<
  EagerJob,
  "id" | "task" | "queue" | "call" | "attempts" | "priority" | "enqueuedAt"
>;

export function createEagerJob(job: NewJob): EagerJob {
  return {
    ...job,
    records: createRecords(),
    controller: new AbortController(),
    state: "waiting",
    attempt: 0,
    cancelRequested: false,
    changed: Promise.withResolvers<void>(),
  };
}

/** Changes a job and wakes those who wait for it. */
export function change(job: EagerJob, changes: Partial<EagerJob>): void {
  Object.assign(job, changes);
  const { resolve } = job.changed;
  job.changed = Promise.withResolvers<void>();
  resolve();
}

export function hasEnded(job: EagerJob): boolean {
  return isEnded(job.state);
}

export function snapshotOf(job: EagerJob, workerName: string): JobSnapshot {
  const { meta, input } = job.call;
  return {
    id: job.id,
    task: job.task,
    queue: job.queue,
    state: job.state,
    attempt: job.attempt,
    attempts: job.attempts,
    progress: job.records.progress.at(-1),
    enqueuedAt: new Date(job.enqueuedAt),
    startedAt: job.startedAt === undefined ? undefined : new Date(job.startedAt),
    endedAt: job.endedAt === undefined ? undefined : new Date(job.endedAt),
    worker: job.startedAt === undefined ? undefined : workerName,
    input,
    output: job.output,
    error: job.error,
    cancelRequested: job.cancelRequested,
    rayJob: undefined,
    tags: meta.tags ?? [],
    metadata: meta.metadata ?? {},
    replayOf: meta.replayOf,
    replayedBy: undefined,
    calls: undefined,
  };
}
