import { Queue, type Telemetry } from "bullmq";
import type { Redis } from "ioredis";
import type { Keys } from "./keys.ts";
import { tolerantReads } from "./tolerant-reads.ts";

/** BullMQ's queues over one connection. */
export interface Queues {
  /** The part of a queue that a job is in; made at the first call. */
  queueAt(name: string, id: string): Queue;
  /** A shard's part of a queue. */
  ofShard(shard: number, name: string): Queue;
  close(): Promise<void>;
}

export function createQueues(
  redis: Redis,
  keys: Keys,
  onError: (error: Error) => void,
  telemetry?: Telemetry,
): Queues {
  const shards = keys.shards.map(({ prefix }) => ({ prefix, queues: new Map<string, Queue>() }));

  function open(name: string, prefix: string): Queue {
    // Not every user of Redis may write what BullMQ would note of the queue: see publishManifests.
    const options = { connection: redis, prefix, skipMetasUpdate: true };
    const all = { ...options, ...(telemetry && { telemetry }) };
    const queue = new Queue(name, all, tolerantReads(redis, prefix));
    queue.on("error", onError);
    return queue;
  }

  function ofShard(shard: number, name: string): Queue {
    const { prefix, queues } = shards[shard] ?? { prefix: "", queues: new Map<string, Queue>() };
    let queue = queues.get(name);
    if (queue === undefined) {
      queue = open(name, prefix);
      queues.set(name, queue);
    }
    return queue;
  }

  return {
    queueAt: (name, id) => ofShard(keys.shardOf(id), name),
    ofShard,
    async close() {
      const all = shards.flatMap(({ queues }) => [...queues.values()]);
      await Promise.all(all.map((queue) => queue.close()));
    },
  };
}
