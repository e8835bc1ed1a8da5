import { LovageError } from "../core/errors.ts";
import type { QueueName } from "../task/definition.ts";
import { stopMark } from "../task/ray-stop-mark.ts";
import type { Broker } from "./broker.ts";
import { cancelJob } from "./cancellation.ts";
import { jobFields } from "./keys.ts";
import { type ListedJob, listJobs, type OpenState, openStates, queuesOf } from "./queue-jobs.ts";
import { createRayStops } from "./ray-stops.ts";
import { storedSubmission } from "./stored-fields.ts";

/** Which jobs are meant; a job must fit all that is given, and something must be. */
export interface JobFilter {
  task?: string;
  tag?: string;
  queue?: QueueName;
  state?: OpenState;
}

export interface CancelManyOptions {
  reason?: string;
  /** How many jobs are cancelled at most. Default 1000. */
  limit?: number;
  /** Only tells which jobs are meant. */
  dryRun?: boolean;
}

export interface CancelledMany {
  jobs: {
    id: string;
    task: string;
    queue: string;
    outcome: "cancelled" | "cancelling" | "ended" | "dry-run";
  }[];
  /** Whether there are more such jobs than the limit. */
  more: boolean;
}

/** How many jobs are worked on at once. */
const batch = 50;

/** @throws LovageError `INPUT_INVALID` for a filter that means every job there is */
export async function cancelMany(
  broker: Broker,
  filter: JobFilter,
  { reason = "cancelled by an operator", limit = 1000, dryRun = false }: CancelManyOptions = {},
): Promise<CancelledMany> {
  const { found, more } = await findJobs(broker, filter, limit);
  const jobs: CancelledMany["jobs"] = [];
  for (let start = 0; start < found.length; start += batch) {
    const part = found.slice(start, start + batch).map(async ({ id, task, queue }) => {
      const outcome = dryRun ? ("dry-run" as const) : await cancelIfThere(broker, { queue, id }, reason);
      return { id, task, queue, outcome };
    });
    jobs.push(...(await Promise.all(part)));
  }
  return { jobs, more };
}

async function findJobs(
  broker: Broker,
  filter: JobFilter,
  limit: number,
): Promise<{ found: ListedJob[]; more: boolean }> {
  const { task, tag, queue, state } = filter;
  if (task === undefined && tag === undefined && queue === undefined && state === undefined) {
    throw new LovageError("INPUT_INVALID", "nothing says which jobs are meant", {
      field: "filter",
      hint: "name ids, a task, a tag, a queue or a state",
    });
  }
  const found: ListedJob[] = [];
  for (const name of queuesOf(queue)) {
    for (const each of state === undefined ? openStates : [state]) {
      for await (const job of listJobs(broker, name, each)) {
        if (task !== undefined && job.task !== task) continue;
        if (tag !== undefined && !job.tags.includes(tag)) continue;
        if (found.length === limit) return { found, more: true };
        found.push(job);
      }
    }
  }
  return { found, more: false };
}

async function cancelIfThere(
  broker: Broker,
  job: { queue: string; id: string },
  reason: string,
): Promise<"cancelled" | "cancelling" | "ended"> {
  try {
    return await cancelJob(broker, job, reason);
  } catch (error) {
    // It ended in between and was removed at once.
    if (error instanceof LovageError && error.code === "JOB_NOT_FOUND") return "ended";
    throw error;
  }
}

export interface Purged {
  waiting: number;
  scheduled: number;
  /** Jobs that a worker took, or a schedule keeps, while they were being removed. */
  left: number;
}

/**
 * Removes the waiting and the scheduled jobs of a queue, for good; Ray jobs that they had left running are stopped.
 * @throws LovageError `REDIS_FORBIDDEN`
 */
export async function purgeQueue(broker: Broker, queue: QueueName): Promise<Purged> {
  const stops = createRayStops(broker);
  const purged: Purged = { waiting: 0, scheduled: 0, left: 0 };
  const refusals: LovageError[] = [];
  const remove = async ({ id, state, rayJob }: ListedJob): Promise<void> => {
    const { redis, keys } = broker;
    // Its cluster is known to its record alone.
    const record = rayJob === null ? null : await redis.hget(keys.job(queue, id), jobFields.rayJob);
    const removed = await broker
      .queueAt(queue, id)
      .remove(id)
      .catch((error) => {
        // What BullMQ refuses has a worker; what Redis refuses this caller may not do at all.
        if (error instanceof LovageError) refusals.push(error);
        return 0;
      });
    if (removed !== 1) purged.left += 1;
    else {
      purged[state as "waiting" | "scheduled"] += 1;
      const began = storedSubmission(record);
      if (began !== undefined) await stops.add(stopMark(began));
    }
  };
  for (const state of ["waiting", "scheduled"] as const) {
    let part: Promise<void>[] = [];
    for await (const job of listJobs(broker, queue, state)) {
      part.push(remove(job));
      if (part.length < batch) continue;
      await Promise.all(part);
      part = [];
    }
    await Promise.all(part);
    if (refusals[0] !== undefined) throw refusals[0];
  }
  return purged;
}

/** Pauses a queue for all workers, until it is resumed; running jobs go on. */
export async function pauseQueue(broker: Broker, queue: QueueName): Promise<void> {
  await Promise.all(broker.shards.map((shard) => shard.queue(queue).pause()));
}

export async function resumeQueue(broker: Broker, queue: QueueName): Promise<void> {
  await Promise.all(broker.shards.map((shard) => shard.queue(queue).resume()));
}
