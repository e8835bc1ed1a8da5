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
  const { keys, redis } = broker;
  const fields = manifests.flatMap((manifest) => [manifest.name, JSON.stringify(manifest)]);
  await Promise.all([
    redis.lovageReplaceHash(keys.manifests, ...fields),
    ...partsOf(broker, queueNames).map(({ shard, queue }) =>
      redis.lovageSetMissing(shard.keys.meta(queue), "opts.maxLenEvents", maxEvents),
    ),
  ]);
}

/** The tasks as the last worker published them, by name; empty when none ever did. */
export async function readManifests(broker: Broker): Promise<TaskManifest[]> {
  const fields = await broker.redis.hgetall(broker.keys.manifests);
  return Object.keys(fields)
    .sort()
    .map((name) => JSON.parse(fields[name] ?? "null") as TaskManifest);
}
