import type { TaskManifest } from "../task/catalogue.ts";
import type { Broker } from "./broker.ts";

/** Publishes the tasks that workers know, so that clients and operators find them; replaces what was there. */
export async function publishManifests(broker: Broker, manifests: readonly TaskManifest[]): Promise<void> {
  const fields = Object.fromEntries(manifests.map((manifest) => [manifest.name, JSON.stringify(manifest)]));
  await broker.redis.multi().del(broker.keys.manifests).hset(broker.keys.manifests, fields).exec();
}

/** The tasks as the last worker published them, by name; empty when none ever did. */
export async function readManifests(broker: Broker): Promise<TaskManifest[]> {
  const fields = await broker.redis.hgetall(broker.keys.manifests);
  return Object.keys(fields)
    .sort()
    .map((name) => JSON.parse(fields[name] ?? "null") as TaskManifest);
}
