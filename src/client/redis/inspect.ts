import type { Asker, AskOptions } from "../../queue/control.ts";
import { createInspector } from "../../queue/inspector.ts";
import { type ListedJob, nextJobs, type OpenState, queuesOf } from "../../queue/queue-jobs.ts";
import { readQueues } from "../../queue/queue-overview.ts";
import { readWorkers } from "../../queue/workers.ts";
import type { Inspect, ListOptions } from "../inspect.ts";
import type { Reach } from "./reach.ts";

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
