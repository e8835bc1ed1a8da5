import type { TaskManifest } from "../task/catalogue.ts";
import { queueNames } from "../task/queue-names.ts";
import { type Broker, partsOf } from "./broker.ts";

/** How many events each queue keeps, about: BullMQ's own default. */
const maxEvents = 10_000;

/**
 * Publishes the tasks that workers know, so that clients and operators find them; replaces what was there. Each queue is
 * given the setting that BullMQ writes with the first job: who may only enqueue may not write a queue's settings.
 */
export async function publishManifests(broker: Broker, manifests: readonly TaskManifest[]): Promise<void> {
  const fields = Object.fromEntries(manifests.map((manifest) => [manifest.name, JSON.stringify(manifest)]));
  const { keys, redis } = broker;
  const multi = redis.multi().del(keys.manifests).hset(keys.manifests, fields);
  const [home, ...others] = broker.shards;
  for (const queue of queueNames) multi.hsetnx(home.keys.meta(queue), "opts.maxLenEvents", maxEvents);
  await multi.exec();
  await Promise.all(
    partsOf({ shards: others }, queueNames).map(({ shard, queue }) =>
      redis.hsetnx(shard.keys.meta(queue), "opts.maxLenEvents", maxEvents),
    ),
  );
}

/** The tasks as the last worker published them, by name; empty when none ever did. */
export async function readManifests(broker: Broker): Promise<TaskManifest[]> {
  const fields = await broker.redis.hgetall(broker.keys.manifests);
  return Object.keys(fields)
    .sort()
    .map((name) => JSON.parse(fields[name] ?? "null") as TaskManifest);
}
