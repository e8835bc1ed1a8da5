import { LovageError } from "../core/errors.ts";
import type { BrokerOperations, QueueHealth, RedisHealth } from "../task/context.ts";
import { queueNames } from "../task/definition.ts";
import type { Broker } from "./broker.ts";
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
          const completed = await clean(broker, queue, "completed", age, dryRun);
          const failed = await clean(broker, queue, "failed", age, dryRun);
          return [queue, { completed, failed }] as const;
        }),
      );
      return Object.fromEntries(counts);
    },
    async removeLogs(age, dryRun) {
      const cut = await Promise.all(queueNames.map((queue) => cutLogs(broker, queue, age, dryRun)));
      return cut.reduce((sum, count) => sum + count, 0);
    },
  };
}

async function readRedisHealth(broker: Broker): Promise<RedisHealth> {
  const info = new Map(
    (await broker.redis.info()).split("\r\n").flatMap((line) => {
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

export async function readQueueHealth(broker: Broker, name: string): Promise<QueueHealth> {
  const queue = broker.queue(name);
  const [counts, oldest, workers] = await Promise.all([
    queue.getJobCounts("wait", "prioritized", "delayed", "active", "failed"),
    // The waiting list is taken from its tail, so ascending order begins with the oldest.
    queue.getJobs(["wait", "prioritized"], 0, 0, true),
    countWorkers(broker, name),
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
async function countWorkers(broker: Broker, name: string): Promise<number> {
  try {
    return await broker.queue(name).getWorkersCount();
  } catch (error) {
    if (!(error instanceof LovageError) || error.code !== "REDIS_FORBIDDEN") throw error;
    const records = await readRegistry(broker);
    return records.filter(
      ({ age, queues }) => age < silentAfter && queues.some((queue) => queue.name === name),
    ).length;
  }
}

async function clean(
  broker: Broker,
  name: string,
  type: "completed" | "failed",
  age: number,
  dryRun: boolean,
): Promise<number> {
  const before = Date.now() - age;
  // BullMQ keeps the ended jobs in sorted sets by the time of their end.
  if (dryRun) return broker.redis.zcount(`${broker.keys.prefix}:${name}:${type}`, "-inf", before);
  let removed = 0;
  for (;;) {
    const ids = await broker.queue(name).clean(age, cleanBatch, type);
    removed += ids.length;
    if (ids.length < cleanBatch) return removed;
  }
}

async function cutLogs(broker: Broker, name: string, age: number, dryRun: boolean): Promise<number> {
  let cut = 0;
  for (const type of ["completed", "failed"]) {
    const set = `${broker.keys.prefix}:${name}:${type}`;
    for (let offset = 0; ; offset += cleanBatch) {
      const ids = await broker.redis.zrangebyscore(
        set,
        "-inf",
        Date.now() - age,
        "LIMIT",
        offset,
        cleanBatch,
      );
      if (ids.length === 0) break;
      const logs = ids.map((id) => broker.keys.logs(name, id));
      cut += dryRun ? await broker.redis.exists(...logs) : await broker.redis.unlink(...logs);
      if (ids.length < cleanBatch) break;
    }
  }
  return cut;
}
