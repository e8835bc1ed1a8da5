import { randomUUID } from "node:crypto";
import { LovageError } from "../core/errors.ts";
import type { Keys } from "./keys.ts";
import type { PreparedJob } from "./producer.ts";

/**
 * Gives a job that has a deduplication key an id of the key's shard: BullMQ keeps both in one script.
 * @throws LovageError `INPUT_INVALID` where the caller chose the id and it is in another shard
 */
export function keepTogether(
  { shards, shardOf, shardOfText }: Pick<Keys, "shards" | "shardOf" | "shardOfText">,
  job: PreparedJob,
): PreparedJob {
  const { deduplication, jobId } = job.opts;
  if (deduplication === undefined || shards.length === 1) return job;
  const shard = shardOfText(deduplication.id);
  if (shardOf(jobId) === shard) return job;
  if (job.chosenId === true) {
    throw new LovageError(
      "INPUT_INVALID",
      `the id ${JSON.stringify(jobId)} lies in another shard than the deduplication key`,
      { field: "id", value: jobId, hint: "leave the id out: calls of one key meet by the key" },
    );
  }
  let id: string = randomUUID();
  while (shardOf(id) !== shard) id = randomUUID();
  return { ...job, opts: { ...job.opts, jobId: id } };
}
