import type { Redis } from "ioredis";

/** Lua of enqueuing: two callers may be at it at once, and either may die at any step. */
const sources = {
  /**
   * Claims idempotency keys, all or none. A key whose job was not added yet is claimed again by whoever comes: it adds
   * the same id, which is harmless.
   * Arguments: for each key the id that a new claim gets, the input's fingerprint, the queue, and the lifetime.
   * Returns for each key [1 to add | 0 added already, id, queue]; or only [-1, key's number, id] of the first conflict.
   */
  lovageClaim: {
    lua: `
      local seen = {}
      for at, key in ipairs(KEYS) do
        local base = (at - 1) * 4
        local hash = seen[key] or redis.call("hget", key, "hash")
        if hash and hash ~= ARGV[base + 2] then
          return { -1, at, redis.call("hget", key, "id") or "" }
        end
        seen[key] = ARGV[base + 2]
      end
      local answer = {}
      for at, key in ipairs(KEYS) do
        local base = (at - 1) * 4
        if redis.call("exists", key) == 0 then
          redis.call("hset", key, "id", ARGV[base + 1], "hash", ARGV[base + 2], "queue", ARGV[base + 3])
          redis.call("pexpire", key, ARGV[base + 4])
        end
        local found = redis.call("hmget", key, "id", "queue", "added")
        answer[at] = { found[3] and 0 or 1, found[1], found[2] }
      end
      return answer`,
  },
  /** Notes that the job of a claim was added, and under which id: deduplication may have chosen another. */
  lovageAdded: {
    numberOfKeys: 1,
    lua: `
      if redis.call("exists", KEYS[1]) == 0 then return 0 end
      redis.call("hset", KEYS[1], "id", ARGV[1], "added", "1")
      return 1`,
  },
  /**
   * Lets a call that met another job of its deduplication key have its way: a job that was never started is given the
   * call's data. Returns 1 when that was done; 0 when the job runs; 2 when the job is over or between two attempts, and
   * no longer keeps the key.
   */
  lovageTakePlace: {
    numberOfKeys: 3,
    lua: `
      local found = redis.call("hmget", KEYS[1], "name", "finishedOn", "ats", "lovage:cancel")
      if found[1] and not found[2] then
        if redis.call("lpos", KEYS[2], ARGV[1]) then return 0 end
        if (found[3] or "0") == "0" and not found[4] then
          redis.call("hset", KEYS[1], "data", ARGV[2])
          return 1
        end
      end
      if redis.call("get", KEYS[3]) == ARGV[1] then redis.call("del", KEYS[3]) end
      return 2`,
  },
  /** Frees a deduplication key that a running job still has. */
  lovageFreeKey: {
    numberOfKeys: 1,
    lua: `
      if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end
      return 0`,
  },
} as const;

export interface EnqueueScripts {
  lovageClaim(keys: number, ...keysAndArguments: (string | number)[]): Promise<unknown[]>;
  lovageAdded(key: string, id: string): Promise<number>;
  lovageTakePlace(
    job: string,
    active: string,
    deduplication: string,
    id: string,
    data: string,
  ): Promise<number>;
  lovageFreeKey(deduplication: string, id: string): Promise<number>;
}

export function withEnqueueScripts(redis: Redis): Redis & EnqueueScripts {
  for (const [name, script] of Object.entries(sources)) redis.defineCommand(name, script);
  return redis as Redis & EnqueueScripts;
}
