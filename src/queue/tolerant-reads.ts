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
      const fields = await redis.hgetall(`${prefix}:${name}:${id}`).catch(noJob);
      for (const [field, text] of Object.entries(fields)) if (text !== "") fields[field] = mend(field, text);
      // It only looks at what its client tells.
      const queue = { toKey: String, client: { hgetall: async () => fields } };
      return read.call({ queue } as unknown as RedisQueueBackend, id);
    };
    const list = backend.getJobs.bind(backend);
    const listIds = backend.getRanges.bind(backend);
    backend.getJobs = async (types, start, end, asc) => {
      const listed = await list(types, start, end, asc).catch(noJob);
      if (Array.isArray(listed)) return listed;
      // Only the ids count: each job is read by itself then.
      const ranges = (await listIds(types, start, end, asc)) as string[][];
      return ranges.map((ids, at) => {
        const inOrder = asc === true && lists.has(types[at] ?? "") ? ids.toReversed() : ids;
        return inOrder.map((id): [string, string[]] => [id, []]);
      });
    };
    return backend;
  };
}

/** Where jobs lie in lists, which are told backwards. */
const lists: ReadonlySet<string> = new Set(["wait", "waiting", "active", "paused"]);

/** What lies in the place of a job is of another kind, and so is no job. */
function noJob(error: unknown): Record<string, never> {
  if (error instanceof Error && error.message.includes("WRONGTYPE")) return {};
  throw error;
}

/** Data that is no JSON is a text. */
function mend(field: string, text: string): string {
  if (field !== "data") return mendField(field, text);
  return parseJson(text) === undefined ? JSON.stringify(text) : text;
}
