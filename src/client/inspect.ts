import type { Answers, AskOptions } from "../queue/control.ts";
import type { ControlAnswers } from "../queue/control-commands.ts";
import type { ListedJob } from "../queue/queue-jobs.ts";
import type { QueueOverview } from "../queue/queue-overview.ts";
import type { WorkerView } from "../queue/workers.ts";
import type { BrokerOperations } from "../task/context.ts";
import type { QueueName } from "../task/definition.ts";

/** Which jobs of a list are wanted. */
export interface ListOptions {
  /** Default: each of them. */
  queue?: QueueName;
  /** How many of each queue. Default 20. */
  limit?: number;
}

/** What is going on, from Redis and from the workers themselves. Answers of workers come within `timeout`, default "1s". */
export interface Inspect extends Pick<BrokerOperations, "redis"> {
  queues(): Promise<QueueOverview[]>;
  /** The workers that live or lived within the hour, by name, with their state; from Redis, so it asks none of them. */
  workers(): Promise<WorkerView[]>;
  ping(options?: AskOptions): Promise<Answers<ControlAnswers["ping"]>>;
  /** The jobs that run. */
  active(options?: AskOptions): Promise<Answers<ControlAnswers["active"]>>;
  /** The tasks that workers know. */
  registered(options?: AskOptions): Promise<Answers<ControlAnswers["registered"]>>;
  stats(options?: AskOptions): Promise<Answers<ControlAnswers["stats"]>>;
  /** The workers' configuration, without secrets. */
  conf(options?: AskOptions): Promise<Answers<ControlAnswers["conf"]>>;
  /** Versions, machine and memory. */
  report(options?: AskOptions): Promise<Answers<ControlAnswers["report"]>>;
  /** Jobs that wait for their time, the next ones first. */
  scheduled(options?: ListOptions): Promise<ListedJob[]>;
  /** Jobs that are next in line. Workers hold none beyond those they run, so these lie in Redis, not with a worker. */
  reserved(options?: ListOptions): Promise<ListedJob[]>;
}

export const inspectMethods = {
  redis: true,
  queues: true,
  workers: true,
  ping: true,
  active: true,
  registered: true,
  stats: true,
  conf: true,
  report: true,
  scheduled: true,
  reserved: true,
} satisfies Record<keyof Inspect, true>;
