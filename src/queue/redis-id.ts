import { randomUUID } from "node:crypto";
import type { Broker } from "./broker.ts";

/**
 * What tells this Redis' Ray jobs from those of every other that uses the same cluster. Made once; a Redis that was
 * emptied is another one.
 */
export function readRedisId({ redis, keys }: Pick<Broker, "redis" | "keys">): Promise<string> {
  return redis.lovageSetOnce(keys.redisId, randomUUID());
}
