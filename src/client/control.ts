import type { Duration } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import { findQueue } from "../queue/broker.ts";
import { cancelJob } from "../queue/cancellation.ts";
import { type Answers, type AskOptions, unknownWorker } from "../queue/control.ts";
import type { ControlAnswers } from "../queue/control-commands.ts";
import { clearLimitOverride, setRateLimit, setTimeLimit } from "../queue/limit-overrides.ts";
import {
  type CancelledMany,
  type CancelManyOptions,
  cancelMany,
  type JobFilter,
  type Purged,
  pauseQueue,
  purgeQueue,
  resumeQueue,
} from "../queue/queue-control.ts";
import { forgetWorker, readRegistry } from "../queue/registry.ts";
import { isDead } from "../queue/workers.ts";
import type { QueueName } from "../task/definition.ts";
import type { Reach } from "./reach.ts";

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

export function createControl({ bounded, patiently, ask }: Reach): Control {
  async function setLimit(
    task: string,
    kind: "rate" | "time",
    set: (...given: Parameters<typeof clearLimitOverride>) => Promise<void>,
    options: AskOptions | undefined,
  ) {
    await bounded(async ({ broker, directory }) => {
      await directory.get(task);
      await set(broker, task, kind);
    });
    return ask("load-limits", {}, options);
  }

  return {
    cancel: (id, { queue, reason = "cancelled by an operator" } = {}) =>
      bounded(async ({ broker }) =>
        cancelJob(broker, { queue: queue ?? (await findQueue(broker, id)), id }, reason),
      ),
    cancelMany: (filter, options) => patiently(({ broker }) => cancelMany(broker, filter, options)),
    purge: (queue) => patiently(({ broker }) => purgeQueue(broker, queue)),
    rateLimit: (task, rate, options) =>
      setLimit(
        task,
        "rate",
        rate === "default" ? clearLimitOverride : (broker) => setRateLimit(broker, task, rate),
        options,
      ),
    timeLimit: async (task, limits, options) => {
      const given = typeof limits === "object" ? toTimeLimits(limits) : limits;
      const set =
        given === "default"
          ? clearLimitOverride
          : (broker: Parameters<typeof setTimeLimit>[0]) => setTimeLimit(broker, task, given);
      return setLimit(task, "time", set, options);
    },
    concurrency: (concurrency, { queue, ...options } = {}) =>
      ask("concurrency", { concurrency, ...(queue && { queue }) }, options),
    pauseQueue: (queue) => bounded(({ broker }) => pauseQueue(broker, queue)),
    resumeQueue: (queue) => bounded(({ broker }) => resumeQueue(broker, queue)),
    pauseWorkers: ({ queue, ...options } = {}) => ask("pause", { ...(queue && { queue }) }, options),
    resumeWorkers: ({ queue, ...options } = {}) => ask("resume", { ...(queue && { queue }) }, options),
    addQueue: (queue, { concurrency, ...options } = {}) =>
      ask("add-queue", { queue, ...(concurrency !== undefined && { concurrency }) }, options),
    removeQueue: (queue, options) => ask("remove-queue", { queue }, options),
    shutdown: (options) => ask("shutdown", {}, options),
    forget: (name) =>
      bounded(async ({ broker }) => {
        const known = await readRegistry(broker);
        const worker = known.find((candidate) => candidate.name === name);
        if (worker === undefined) {
          throw unknownWorker(
            name,
            known.map((candidate) => candidate.name),
          );
        }
        if (isDead(worker)) await forgetWorker(broker, worker);
        else {
          throw new LovageError("INPUT_INVALID", `worker ${name} is alive`, {
            field: "worker",
            value: name,
            hint: "only dead ones are forgotten; shutdown stops it, and it then takes itself out",
          });
        }
      }),
  };
}

function toTimeLimits({ soft, hard }: { soft?: Duration; hard?: Duration }): {
  softTimeLimit?: Duration;
  timeLimit?: Duration;
} {
  if (soft === undefined && hard === undefined) {
    throw new LovageError("INPUT_INVALID", "neither a soft nor a hard time limit is given", {
      field: "limits",
      hint: 'give { soft: "30s" }, { hard: "1m" } or both, "off", or "default"',
    });
  }
  return {
    ...(soft !== undefined && { softTimeLimit: soft }),
    ...(hard !== undefined && { timeLimit: hard }),
  };
}
