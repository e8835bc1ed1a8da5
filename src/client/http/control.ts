import { operations } from "../../contract/index.ts";
import type { AskOptions } from "../../queue/control.ts";
import type { QueueName } from "../../task/definition.ts";
import type { Control } from "../control.ts";
import { toAnswerTime } from "./inspect.ts";
import type { Transport } from "./transport.ts";

type WorkerCommand = "pause" | "resume" | "concurrency" | "add-queue" | "remove-queue" | "shutdown";

export function createControl({ call, timeout: patience }: Transport): Control {
  /** Whom a request is for, and how long it may take. */
  function asked({ workers, timeout }: AskOptions = {}) {
    const milliseconds = timeout === undefined ? undefined : toAnswerTime(timeout);
    return {
      body: {
        ...(workers !== undefined && { workers: [...workers] }),
        ...(milliseconds !== undefined && { timeout: milliseconds }),
      },
      manner: { within: patience + (milliseconds ?? 0) },
    };
  }

  /** Each command has an answer of its own kind, which the contract leaves open. */
  async function tell(
    command: WorkerCommand,
    args: { queue?: QueueName | undefined; concurrency?: number | undefined },
    options: AskOptions | undefined,
  ): Promise<never> {
    const { body, manner } = asked(options);
    const given = { params: { command }, body: { ...body, ...args } as never };
    return (await call(operations.controlWorkers, given, manner)) as never;
  }

  return {
    cancel: async (id, { queue, reason = "cancelled by an operator" } = {}) => {
      const body = { reason, ...(queue && { queue }) };
      return (await call(operations.cancelJob, { params: { id }, body }, { repeatable: true })).outcome;
    },
    cancelMany: (filter, options) =>
      call(
        operations.cancelJobs,
        { body: { filter, ...(options && { options }) } },
        // However many there are.
        { within: Number.POSITIVE_INFINITY },
      ),
    purge: (queue) =>
      call(operations.purgeQueue, { params: { queue } }, { within: Number.POSITIVE_INFINITY }),
    rateLimit: async (task, rate, options) => {
      const { body, manner } = asked(options);
      return call(operations.setRateLimit, { params: { name: task }, body: { ...body, rate } }, manner);
    },
    timeLimit: async (task, limit, options) => {
      const { body, manner } = asked(options);
      return call(operations.setTimeLimit, { params: { name: task }, body: { ...body, limit } }, manner);
    },
    concurrency: (concurrency, { queue, ...options } = {}) =>
      tell("concurrency", { concurrency, queue }, options),
    pauseQueue: (queue) => call(operations.pauseQueue, { params: { queue } }, { repeatable: true }),
    resumeQueue: (queue) => call(operations.resumeQueue, { params: { queue } }, { repeatable: true }),
    pauseWorkers: ({ queue, ...options } = {}) => tell("pause", { queue }, options),
    resumeWorkers: ({ queue, ...options } = {}) => tell("resume", { queue }, options),
    addQueue: (queue, { concurrency, ...options } = {}) => tell("add-queue", { queue, concurrency }, options),
    removeQueue: (queue, options) => tell("remove-queue", { queue }, options),
    shutdown: (options) => tell("shutdown", {}, options),
    forget: (worker) => call(operations.forgetWorker, { params: { name: worker } }),
  };
}
