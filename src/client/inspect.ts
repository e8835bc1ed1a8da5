import type { Answers, Asker, AskOptions } from "../queue/control.ts";
import type { ControlAnswers } from "../queue/control-commands.ts";
import { createInspector } from "../queue/inspector.ts";
import { type ListedJob, nextJobs, type OpenState, queuesOf } from "../queue/queue-jobs.ts";
import { type QueueOverview, readQueues } from "../queue/queue-overview.ts";
import { readWorkers, type WorkerView } from "../queue/workers.ts";
import type { BrokerOperations } from "../task/context.ts";
import type { QueueName } from "../task/definition.ts";
import type { Reach } from "./reach.ts";

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

export function createInspect({ bounded, ask }: Reach): Inspect {
  const asks =
    <
      C extends Parameters<Asker["ask"]>[0] &
        ("ping" | "active" | "registered" | "stats" | "conf" | "report"),
    >(
      command: C,
    ) =>
    (options?: AskOptions) =>
      ask(command, {} as never, options);

  function list(state: OpenState, { queue, limit = 20 }: ListOptions = {}): Promise<ListedJob[]> {
    return bounded(async ({ broker }) => {
      const lists = await Promise.all(queuesOf(queue).map((name) => nextJobs(broker, name, state, limit)));
      return lists.flat();
    });
  }

  return {
    redis: () => bounded(({ broker }) => createInspector(broker).redis()),
    queues: () => bounded(({ broker }) => readQueues(broker)),
    workers: () => bounded(({ broker }) => readWorkers(broker)),
    ping: asks("ping"),
    active: asks("active"),
    registered: asks("registered"),
    stats: asks("stats"),
    conf: asks("conf"),
    report: asks("report"),
    scheduled: async (options) => {
      const jobs = await list("scheduled", options);
      return jobs.sort((a, b) => Number(a.at) - Number(b.at));
    },
    reserved: (options) => list("waiting", options),
  };
}
