import { operations } from "../../contract/index.ts";
import { toMilliseconds } from "../../core/durations.ts";
import type { AskOptions } from "../../queue/control.ts";
import type { Inspect, ListOptions } from "../inspect.ts";
import type { Transport } from "./transport.ts";

export function createInspect({ call, timeout: patience }: Transport): Inspect {
  /** Each question has an answer of its own kind, which the contract leaves open. */
  const asks =
    (question: "ping" | "active" | "registered" | "stats" | "conf" | "report") =>
    async ({ workers, timeout }: AskOptions = {}) => {
      const milliseconds = timeout === undefined ? undefined : toAnswerTime(timeout);
      const query = { workers: workers && [...workers], timeout: milliseconds?.toString() };
      const within = patience + (milliseconds ?? 0);
      return (await call(operations.askWorkers, { params: { question }, query }, { within })) as never;
    };
  const listing = ({ queue, limit }: ListOptions = {}) => ({ query: { queue, limit } });

  return {
    redis: () => call(operations.getRedis, {}),
    queues: async () => (await call(operations.listQueues, {})).queues,
    workers: async () => (await call(operations.listWorkers, {})).workers,
    ping: asks("ping"),
    active: asks("active"),
    registered: asks("registered"),
    stats: asks("stats"),
    conf: asks("conf"),
    report: asks("report"),
    scheduled: async (options) => (await call(operations.listScheduled, listing(options))).jobs,
    reserved: async (options) => (await call(operations.listReserved, listing(options))).jobs,
  };
}

/** How long answers are waited for, as the API takes it: whole milliseconds. @throws LovageError `INPUT_INVALID` */
export function toAnswerTime(timeout: NonNullable<AskOptions["timeout"]>): number {
  return Math.max(1, Math.round(toMilliseconds(timeout, "timeout")));
}
