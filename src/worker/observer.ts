import type { QueueName } from "../task/definition.ts";
import type { Outcome } from "../task/execute.ts";

/** A job, as far as counting goes; the same object at an attempt's begin and at its end. */
export interface ObservedJob {
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  readonly attempt: number;
  /** Whether no worker ever took the job before. */
  readonly firstStart?: boolean;
  /** From when on a worker could take it for the first time, in milliseconds since 1970. */
  readonly dueAt?: number;
}

/** Who counts what a worker does. Called for each job, so it must be quick; it must not throw. */
export interface WorkerObserver {
  /** An attempt began: its limits are passed. */
  started(job: ObservedJob): void;
  /** An attempt ended, or did not begin. */
  ended(job: ObservedJob, outcome: Outcome): void;
  /** A job of a worker that fell silent was found, for any worker to take over. */
  stalled(queue: QueueName): void;
}
