import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";

/** Redis begins a sync a second after the last one (`appendfsync everysec`), and looks at its clock ten times a second. */
const syncWithin = 1100;

/** Milliseconds between two looks. */
const lookInterval = 20;

/** Whether a server's own `WAITAOF` says the truth, by connection; servers change behind an address only with those. */
const truthful = new WeakMap<Redis, Promise<boolean>>();

/**
 * Whether a server's `WAITAOF` can be taken at its word. Under `appendfsync everysec` those of Redis 7.4 and of Valkey answer
 * before the sync when nothing is written just then (redis/redis#13793, mended in Redis 8; seen with Valkey 9.1).
 */
export function tellsTheTruth(redis: Redis): Promise<boolean> {
  const known = truthful.get(redis);
  if (known !== undefined) return known;
  const asked = ask(redis);
  truthful.set(redis, asked);
  asked.catch(() => truthful.delete(redis));
  redis.once("close", () => truthful.delete(redis));
  return asked;
}

async function ask(redis: Redis): Promise<boolean> {
  const server = await redis.info("server");
  const [, major = 0, minor = 0] = /redis_version:(\d+)\.(\d+)/.exec(server)?.map(Number) ?? [];
  if (!server.includes("valkey_version:") && (major >= 8 || (major === 7 && minor === 2))) return true;
  // Most users may not ask; who may and syncs at every write is spared the wait.
  const setting = (await redis.config("GET", "appendfsync").catch(() => [])) as string[];
  return setting[1] === "always";
}

/**
 * Waits until a sync that began after this call has ended, for servers that do not tell it themselves.
 * @param until milliseconds since 1970
 * @returns false when there was none by then
 */
export async function untilSynced(redis: Redis, until: number): Promise<boolean> {
  let first = await look(redis);
  let since = performance.now();
  let quiet = 0;
  while (Date.now() + lookInterval < until) {
    const left = since + syncWithin - performance.now();
    await sleep(Math.max(lookInterval, Math.min(left, until - Date.now())));
    // What is told was so when it was asked at the earliest; an answer may lie about for long before it is read.
    const asked = performance.now();
    const now = await look(redis);
    // A sync that lasts too long puts the next one off by a second, and is counted.
    if (now.delayed !== first.delayed) {
      first = now;
      since = performance.now();
    }
    const due = asked - since >= syncWithin;
    quiet = due && now.ended ? quiet + 1 : 0;
    // After the first such look the server would have begun the sync that was due; the second finds none that runs.
    if (quiet === 2) return true;
  }
  return false;
}

async function look(redis: Redis): Promise<{ delayed: string; ended: boolean }> {
  const told = await redis.info("persistence");
  const field = (name: string) => new RegExp(`${name}:(\\S+)`).exec(told)?.[1] ?? "";
  const ended = field("aof_pending_bio_fsync") === "0" && field("aof_last_write_status") === "ok";
  return { delayed: field("aof_delayed_fsync"), ended };
}
