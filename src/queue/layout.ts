import type { Redis } from "ioredis";
import { LovageError } from "../core/errors.ts";
import { defaultPrefix, type RedisSettings, redisAddress } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { hasManyNodes } from "./redis-cluster.ts";

/**
 * Refuses a Redis whose keys are spread otherwise than the settings say: where a job is follows from its id and the number
 * of shards, so jobs would be enqueued where nobody looks.
 * @throws LovageError `REDIS_LAYOUT`
 */
export async function requireLayout(redis: Redis, keys: Keys, settings: RedisSettings): Promise<void> {
  const count = keys.shards.length;
  const spread = keys.shards[0]?.prefix !== (settings.prefix ?? defaultPrefix);
  const [noted, server] = await Promise.all([
    ifAllowed(redis.get(keys.layout)),
    hasManyNodes(redis) ? "" : redis.info("cluster"),
  ]);
  if (server.includes("cluster_enabled:1")) {
    throw refused(
      settings,
      "is a node of a cluster",
      "cluster",
      "name nodes of it in REDIS_CLUSTER instead of REDIS_HOST",
    );
  }
  const found = noted ?? (spread ? await note(redis, keys, settings) : null);
  if (found === null || Number(found) === count) return;
  const has =
    found === unspread ? "has keys that are not spread over shards" : `has its keys in ${found} shards`;
  throw refused(
    settings,
    `${has}, and ${count} are asked for`,
    "REDIS_SHARDS",
    found === unspread
      ? "leave REDIS_SHARDS out, or use another REDIS_PREFIX and let the old workers run until their queues are empty"
      : `use REDIS_SHARDS=${found}; docs/redis-cluster.md tells how to change it`,
    Number(found) || found,
  );
}

/** Keys of an installation that was there before shards were asked for. */
const unspread = "unspread";

/** The first to come notes how it is; who may only enqueue leaves that to workers. @returns what counts */
async function note(
  redis: Redis,
  keys: Keys,
  { prefix = defaultPrefix }: RedisSettings,
): Promise<string | null> {
  if ((await ifAllowed(redis.exists(`${prefix}:redis-id`))) === 1) return unspread;
  const mine = String(keys.shards.length);
  return (await ifAllowed(redis.set(keys.layout, mine, "NX", "GET"))) ?? null;
}

async function ifAllowed<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof LovageError && error.code === "REDIS_FORBIDDEN") return null;
    // A cluster's node that was taken for a Redis: that is told by what it says of itself.
    if (error instanceof Error && error.message.startsWith("MOVED")) return null;
    throw error;
  }
}

function refused(
  settings: RedisSettings,
  is: string,
  field: string,
  hint: string,
  value?: unknown,
): LovageError {
  return new LovageError("REDIS_LAYOUT", `Redis at ${redisAddress(settings)} ${is}`, { field, value, hint });
}
