import type { Duration } from "../core/durations.ts";
import type { Answers, AskOptions } from "../queue/control.ts";
import type { ControlAnswers } from "../queue/control-commands.ts";
import type { CancelledMany, CancelManyOptions, JobFilter, Purged } from "../queue/queue-control.ts";
import type { QueueName } from "../task/definition.ts";

/** Instead of a limit: `off` is no limit at all, `default` what the task's definition says. */
export type LimitSwitch = "off" | "default";

/** Which queue of the workers. Default: each that a worker takes jobs from. */
export interface WorkerQueueOptions extends AskOptions {
  queue?: QueueName;
}

/** Changes what goes on. What is said to workers holds until they are started again; the rest is kept in Redis. */
export interface Control {
  /** Cancels one job wherever it is, as its handle does. @throws LovageError `JOB_NOT_FOUND`, `JOB_AMBIGUOUS` */
  cancel(
    id: string,
    options?: { queue?: QueueName; reason?: string },
  ): Promise<"cancelled" | "cancelling" | "ended">;
  /** Cancels the jobs that fit a filter, up to `limit` (default 1000). */
  cancelMany(filter: JobFilter, options?: CancelManyOptions): Promise<CancelledMany>;
  /** Removes the waiting and scheduled jobs of a queue for good, and counts them. */
  purge(queue: QueueName): Promise<Purged>;
  /**
   * Sets how many attempts of a task may begin, as in "10/m", over all workers; kept in Redis.
   * @throws LovageError `TASK_UNKNOWN`, `INPUT_INVALID`
   */
  rateLimit(
    task: string,
    rate: string | LimitSwitch,
    options?: AskOptions,
  ): Promise<Answers<ControlAnswers["load-limits"]>>;
  /** Sets how long the attempts of a task may take that begin from now on; kept in Redis. A call's own limits win. */
  timeLimit(
    task: string,
    limits: { soft?: Duration; hard?: Duration } | LimitSwitch,
    options?: AskOptions,
  ): Promise<Answers<ControlAnswers["load-limits"]>>;
  /** Sets how many jobs workers run at once of each of their queues. */
  concurrency(
    concurrency: number,
    options?: WorkerQueueOptions,
  ): Promise<Answers<ControlAnswers["concurrency"]>>;
  /** Pauses a queue for all workers, for good; running jobs go on. */
  pauseQueue(queue: QueueName): Promise<void>;
  resumeQueue(queue: QueueName): Promise<void>;
  /** Lets workers take no more jobs; running ones go on. */
  pauseWorkers(options?: WorkerQueueOptions): Promise<Answers<ControlAnswers["pause"]>>;
  resumeWorkers(options?: WorkerQueueOptions): Promise<Answers<ControlAnswers["resume"]>>;
  /** Lets workers take jobs of a further queue. Default concurrency: what their configuration says of it. */
  addQueue(
    queue: QueueName,
    options?: AskOptions & { concurrency?: number },
  ): Promise<Answers<ControlAnswers["add-queue"]>>;
  /** Lets workers take no more jobs of a queue; their running ones end, and Ray jobs run on for other workers. */
  removeQueue(queue: QueueName, options?: AskOptions): Promise<Answers<ControlAnswers["remove-queue"]>>;
  /** Stops workers in good order, as TERM does. */
  shutdown(options?: AskOptions): Promise<Answers<ControlAnswers["shutdown"]>>;
  /** Takes a dead worker out of the list before its hour is over. @throws LovageError `WORKER_UNKNOWN` */
  forget(worker: string): Promise<void>;
}

export const controlMethods = {
  cancel: true,
  cancelMany: true,
  purge: true,
  rateLimit: true,
  timeLimit: true,
  concurrency: true,
  pauseQueue: true,
  resumeQueue: true,
  pauseWorkers: true,
  resumeWorkers: true,
  addQueue: true,
  removeQueue: true,
  shutdown: true,
  forget: true,
} satisfies Record<keyof Control, true>;
