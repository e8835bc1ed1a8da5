import { Queue, type Telemetry } from "bullmq";
import type { Redis } from "ioredis";

/** BullMQ's queues over one connection. */
export interface Queues {
  /** The queue of a name; made at the first call. */
  queue(name: string): Queue;
  close(): Promise<void>;
}

export function createQueues(
  redis: Redis,
  prefix: string,
  onError: (error: Error) => void,
  telemetry?: Telemetry,
): Queues {
  const queues = new Map<string, Queue>();
  return {
    queue(name) {
      let queue = queues.get(name);
      if (queue === undefined) {
        // Not every user of Redis may write what BullMQ would note of the queue: see publishManifests.
        const options = { connection: redis, prefix, skipMetasUpdate: true };
        queue = new Queue(name, { ...options, ...(telemetry && { telemetry }) });
        queue.on("error", onError);
        queues.set(name, queue);
      }
      return queue;
    },
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
    },
  };
}
