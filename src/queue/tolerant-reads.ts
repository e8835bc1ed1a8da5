import { type BackendFactory, createRedisBackend, type RedisQueueBackend } from "bullmq";
import type { Redis } from "ioredis";
import { parseJson } from "../core/json.ts";
import { mendField } from "./tolerant-worker.ts";

/**
 * BullMQ's own way to Redis, which reads a job whatever lies in its hash. BullMQ's own fails at the first field that is no
 * JSON, and with it whoever lists, cancels or removes jobs: one is enough to hide a page of others from Bull Board.
 */
export function tolerantReads(redis: Redis, prefix: string): BackendFactory<RedisQueueBackend> {
  return (name, options, how) => {
    const backend = createRedisBackend(name, options, how);
    const read = backend.getJobData;
    backend.getJobData = async (id) => {
      const fields = await redis.hgetall(`${prefix}:${name}:${id}`);
      for (const [field, text] of Object.entries(fields)) if (text !== "") fields[field] = mend(field, text);
      // It only looks at what its client tells.
      const queue = { toKey: String, client: { hgetall: async () => fields } };
      return read.call({ queue } as unknown as RedisQueueBackend, id);
    };
    return backend;
  };
}

/** Data that is no JSON is a text. */
function mend(field: string, text: string): string {
  if (field !== "data") return mendField(field, text);
  return parseJson(text) === undefined ? JSON.stringify(text) : text;
}
