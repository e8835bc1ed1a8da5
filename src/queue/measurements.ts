import { queueNames } from "../task/definition.ts";
import type { Broker } from "./broker.ts";
import { withDeadline } from "./connection.ts";
import { depthOf, type QueueDepths, readDepths } from "./depths.ts";
import { readManifests } from "./manifests.ts";
import { infoOfEach } from "./redis-cluster.ts";
import { readRegistry } from "./registry.ts";
import { judge, type WorkerView } from "./workers.ts";

/** What monitoring looks at, as one look: a number of small commands that does not grow with the jobs. */
export interface Measurements {
  /** Bytes; `max` 0: no limit. */
  memory: { used: number; max: number };
  queues: QueueDepths[];
  workers: WorkerView[];
  /** Of each task with a concurrency limit: who runs, who waits for that, and how many may run in all. */
  slots: { task: string; used: number; waiting: number; total: number | undefined }[];
}

/**
 * @param within milliseconds
 * @throws LovageError `REDIS_UNAVAILABLE`
 */
export function readMeasurements(broker: Broker, within: number): Promise<Measurements> {
  return withDeadline(measure(broker), within, broker.address);
}

async function measure(broker: Broker): Promise<Measurements> {
  const [memory, queues, records, slots] = await Promise.all([
    readMemory(broker),
    readDepths(broker),
    readRegistry(broker),
    readSlots(broker),
  ]);
  const overviews = queues.map(toOverview);
  return { memory, queues, workers: records.map((record) => judge(record, overviews)), slots };
}

/** A queue as it is judged whether a worker neglects it. */
export function toOverview(queue: QueueDepths) {
  const { jobs, oldestAge } = depthOf(queue, "waiting");
  return { queue: queue.queue, waiting: jobs, oldestMilliseconds: oldestAge, paused: queue.paused };
}

async function readMemory({ redis }: Broker): Promise<Measurements["memory"]> {
  const infos = await infoOfEach(redis, "memory");
  const numbers = (name: string) =>
    infos.map((info) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1] ?? 0));
  const sum = (all: readonly number[]) => all.reduce((one, other) => one + other, 0);
  const limits = numbers("maxmemory");
  return { used: sum(numbers("used_memory")), max: limits.includes(0) ? 0 : sum(limits) };
}

async function readSlots(broker: Broker): Promise<Measurements["slots"]> {
  const { redis, keys } = broker;
  const limited = (await readManifests(broker)).filter(({ limits }) => limits?.concurrency !== undefined);
  return Promise.all(
    limited.map(async ({ name, limits }) => {
      // A lease that has run out is taken away when somebody asks next; the clock of Redis counts, ours is near enough.
      const [used, known, held] = await Promise.all([
        redis.zcount(`${keys.slots(name)}:slots`, Date.now(), "+inf"),
        redis.hlen(`${keys.slots(name)}:who`),
        redis.zcard(`${keys.slots(name)}:slots`),
      ]);
      return { task: name, used, waiting: Math.max(0, known - held), total: limits?.concurrency?.total };
    }),
  );
}

/** How many jobs the live workers of each queue can run at once. */
export function slotsOf(workers: readonly WorkerView[]): { queue: string; slots: number; active: number }[] {
  const serving = workers.filter(({ state }) => state === "alive" || state === "stuck");
  return queueNames.map((queue) => {
    const of = serving.flatMap(({ queues }) =>
      queues.filter(({ name, paused }) => name === queue && !paused),
    );
    const sum = (count: (one: (typeof of)[number]) => number) => of.reduce((all, one) => all + count(one), 0);
    return { queue, slots: sum(({ concurrency }) => concurrency), active: sum(({ active }) => active) };
  });
}
