import { LovageError } from "../core/errors.ts";
import type { BrokerOperations, QueueHealth, RedisHealth } from "../task/context.ts";
import { queueNames } from "../task/definition.ts";
import { type Broker, partsOf, type Shard } from "./broker.ts";
import { infoOfEach } from "./redis-cluster.ts";
import { readRegistry, silentAfter } from "./registry.ts";

/** How many jobs are removed between two looks; keeps Redis responsive while a large backlog is cleaned. */
const cleanBatch = 1000;

/** The operators' view of Redis and the queues. */
export function createInspector(broker: Broker): BrokerOperations {
  return {
    redis: () => readRedisHealth(broker),
    queues: () => Promise.all(queueNames.map((queue) => readQueueHealth(broker, queue))),
    async removeEnded(age, dryRun) {
      const counts = await Promise.all(
        queueNames.map(async (queue) => {
          const removed = { completed: 0, failed: 0 };
          for (const shard of broker.shards) {
            removed.completed += await clean(shard, queue, "completed", age, dryRun);
            removed.failed += await clean(shard, queue, "failed", age, dryRun);
          }
          return [queue, removed] as const;
        }),
      );
      return Object.fromEntries(counts);
    },
    async removeLogs(age, dryRun) {
      const parts = partsOf(broker, queueNames);
      const cut = await Promise.all(parts.map(({ shard, queue }) => cutLogs(shard, queue, age, dryRun)));
      return cut.reduce((sum, count) => sum + count, 0);
    },
  };
}

async function readRedisHealth(broker: Broker): Promise<RedisHealth> {
  const masters = (await infoOfEach(broker.redis)).map(toHealth);
  const [first = toHealth(""), ...others] = masters;
  if (others.length === 0) return first;
  const sum = (of: (one: RedisHealth) => number) => masters.reduce((all, one) => all + of(one), 0);
  return {
    ...first,
    usedBytes: sum(({ usedBytes }) => usedBytes),
    // One that has no limit has room for all.
    maxBytes: masters.some(({ maxBytes }) => maxBytes === 0) ? 0 : sum(({ maxBytes }) => maxBytes),
    policy: masters.find(({ policy }) => policy !== "noeviction")?.policy ?? first.policy,
    appendOnly: masters.every(({ appendOnly }) => appendOnly),
    persistenceOk: masters.every(({ persistenceOk }) => persistenceOk),
  };
}

function toHealth(text: string): RedisHealth {
  const info = new Map(
    text.split("\r\n").flatMap((line) => {
      const colon = line.indexOf(":");
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)] as const] : [];
    }),
  );
  const number = (name: string) => Number(info.get(name) ?? 0);
  const ok = (name: string) => (info.get(name) ?? "ok") === "ok";
  return {
    version: info.get("valkey_version") ?? info.get("redis_version") ?? "unknown",
    usedBytes: number("used_memory"),
    maxBytes: number("maxmemory"),
    policy: info.get("maxmemory_policy") ?? "unknown",
    appendOnly: info.get("aof_enabled") === "1",
    persistenceOk:
      ok("aof_last_write_status") && ok("aof_last_bgrewrite_status") && ok("rdb_last_bgsave_status"),
  };
}

/** A queue as a whole, with the parts that it has in all shards. */
export async function readQueueHealth(broker: Broker, name: string): Promise<QueueHealth> {
  const parts = await Promise.all(broker.shards.map((shard) => readPartHealth(broker, shard, name)));
  const sum = (of: (part: QueueHealth) => number) => parts.reduce((all, part) => all + of(part), 0);
  const ages = parts.flatMap(({ oldestMilliseconds }) => oldestMilliseconds ?? []);
  return {
    queue: name,
    waiting: sum(({ waiting }) => waiting),
    scheduled: sum(({ scheduled }) => scheduled),
    active: sum(({ active }) => active),
    failed: sum(({ failed }) => failed),
    oldestMilliseconds: ages.length === 0 ? null : Math.max(...ages),
    // Each worker takes from all parts.
    workers: Math.max(...parts.map(({ workers }) => workers)),
  };
}

async function readPartHealth(broker: Broker, shard: Shard, name: string): Promise<QueueHealth> {
  const queue = shard.queue(name);
  const [counts, oldest, workers] = await Promise.all([
    queue.getJobCounts("wait", "prioritized", "delayed", "active", "failed"),
    // The waiting list is taken from its tail, so ascending order begins with the oldest.
    queue.getJobs(["wait", "prioritized"], 0, 0, true),
    countWorkers(broker, shard, name),
  ]);
  const since = oldest.map((job) => job.timestamp + (job.delay ?? 0)).sort((a, b) => a - b)[0];
  return {
    queue: name,
    waiting: (counts["wait"] ?? 0) + (counts["prioritized"] ?? 0),
    scheduled: counts["delayed"] ?? 0,
    active: counts["active"] ?? 0,
    failed: counts["failed"] ?? 0,
    oldestMilliseconds: since === undefined ? null : Math.max(0, Date.now() - since),
    workers,
  };
}

/** Those whose connection Redis lists; a managed Redis that lists none to its users has those that tell of themselves. */
async function countWorkers(broker: Broker, shard: Shard, name: string): Promise<number> {
  try {
    return await shard.queue(name).getWorkersCount();
  } catch (error) {
    if (!(error instanceof LovageError) || error.code !== "REDIS_FORBIDDEN") throw error;
    const records = await readRegistry(broker);
    return records.filter(
      ({ age, queues }) => age < silentAfter && queues.some((queue) => queue.name === name),
    ).length;
  }
}

async function clean(
  shard: Shard,
  name: string,
  type: "completed" | "failed",
  age: number,
  dryRun: boolean,
): Promise<number> {
  const before = Date.now() - age;
  // BullMQ keeps the ended jobs in sorted sets by the time of their end.
  if (dryRun) return shard.redis.zcount(shard.keys.of(name, type), "-inf", before);
  let removed = 0;
  for (;;) {
    const ids = await shard.queue(name).clean(age, cleanBatch, type);
    removed += ids.length;
    if (ids.length < cleanBatch) return removed;
  }
}

async function cutLogs({ redis, keys }: Shard, name: string, age: number, dryRun: boolean): Promise<number> {
  let cut = 0;
  for (const type of ["completed", "failed"]) {
    const set = keys.of(name, type);
    for (let offset = 0; ; offset += cleanBatch) {
      const ids = await redis.zrangebyscore(set, "-inf", Date.now() - age, "LIMIT", offset, cleanBatch);
      if (ids.length === 0) break;
      const logs = ids.map((id) => keys.logs(name, id));
      cut += dryRun ? await redis.exists(...logs) : await redis.unlink(...logs);
      if (ids.length < cleanBatch) break;
    }
  }
  return cut;
}
