import type { Redis } from "ioredis";
import { queueNames } from "#task";
import { say } from "./say.ts";

/** How many jobs lie in Redis, and under which prefix. */
export interface Fill {
  prefix: string;
  finished: number;
  waiting: number;
}

/** How many jobs go to Redis in one pipeline. */
const chunk = 2000;

const tasks = [
  "tasks.simple_tasks.ping",
  "tasks.data_tasks.process_large_csv",
  "tasks.data_tasks.aggregate_data",
  "tasks.ml_tasks.distributed_training",
] as const;

/** The text that one finished and one waiting job have, each the oldest of its kind: a search for it sees all others first. */
export const rareText = "needle-in-the-haystack";

/** Writes finished and waiting jobs in BullMQ's layout, as if they had been enqueued over the last day. */
export async function fillJobs(redis: Redis, { prefix, finished, waiting }: Fill): Promise<void> {
  const now = Date.now();
  const day = 86_400_000;
  await inChunks("finished", finished, async (from, to) => {
    const pipeline = redis.pipeline();
    for (let index = from; index < to; index += 1) {
      // The first written is the oldest.
      const endedAt = now - day + Math.floor((index / finished) * day);
      const job = jobOf(prefix, index, "done", endedAt - 5000);
      const failed = index % 20 === 0;
      const error = { code: "RAY_JOB_FAILED", message: "the program ended with 1", retryable: true };
      pipeline.hset(job.key, {
        ...job.hash,
        processedOn: endedAt - 1500,
        finishedOn: endedAt,
        ats: 1,
        atm: 1,
        pb: `worker-${index % 7}`,
        ...(failed
          ? {
              failedReason: "RAY_JOB_FAILED: the program ended with 1",
              "lovage:error": JSON.stringify(error),
            }
          : { returnvalue: JSON.stringify({ status: "pong", rows: index }) }),
      });
      pipeline.zadd(`${prefix}:${job.queue}:${failed ? "failed" : "completed"}`, endedAt, job.id);
    }
    await pipeline.exec();
  });
  await inChunks("waiting", waiting, async (from, to) => {
    const pipeline = redis.pipeline();
    for (let index = from; index < to; index += 1) {
      const enqueuedAt = now - day + Math.floor((index / waiting) * day);
      const priority = index % 50 === 0 ? 1 + (index % 9) : 0;
      const job = jobOf(prefix, index, "wait", enqueuedAt);
      pipeline.hset(job.key, { ...job.hash, priority });
      const list = `${prefix}:${job.queue}`;
      if (priority === 0) pipeline.lpush(`${list}:wait`, job.id);
      else pipeline.zadd(`${list}:prioritized`, priority * 2 ** 32 + index, job.id);
    }
    await pipeline.exec();
  });
  for (const queue of queueNames) await redis.set(`${prefix}:${queue}:pc`, waiting);
}

function jobOf(prefix: string, index: number, kind: "done" | "wait", timestamp: number) {
  const queue = queueNames[index % queueNames.length] ?? "default";
  const id = `${kind}-${index.toString(16).padStart(8, "0")}-7c1e-4f0a-9a55-${(index * 2_654_435_761).toString(16).slice(-12)}`;
  const dataset = index === 1 ? rareText : `s3://bucket/part-${index}.parquet`;
  const data = {
    v: 1,
    input: { dataset, columns: ["id", "name", "amount"], options: { header: true, limit: index % 1000 } },
    meta: { tags: [`batch-${index % 100}`, kind] },
  };
  return {
    id,
    queue,
    key: `${prefix}:${queue}:${id}`,
    hash: {
      name: tasks[index % tasks.length] ?? "",
      data: JSON.stringify(data),
      opts: '{"attempts":3,"backoff":{"type":"task"}}',
      timestamp,
      delay: 0,
      priority: 0,
    },
  };
}

async function inChunks(
  what: string,
  count: number,
  write: (from: number, to: number) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < count; from += chunk) {
    await write(from, Math.min(count, from + chunk));
    if (from % 100_000 === 0)
      say(`${what}: ${from.toLocaleString("en-US")} of ${count.toLocaleString("en-US")} …`);
  }
}
