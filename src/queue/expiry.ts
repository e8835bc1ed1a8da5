import { randomUUID } from "node:crypto";
import { Job } from "bullmq";
import { LovageError } from "../core/errors.ts";
import { decodeCall } from "../task/codec.ts";
import type { Shard } from "./broker.ts";
import { noteExpired } from "./history.ts";
import { jobFields } from "./keys.ts";
import { redisNow } from "./schedules.ts";

/** Where the next look for expired jobs goes on, for each list: a number of jobs from its old end. */
export type ExpiryCursor = Map<string, number>;

/**
 * How many jobs a look goes through at once, for some milliseconds of Redis', and at most: a list of a million is gone
 * through in an hour.
 */
const slice = 250;
const most = 20_000;

/** How many jobs one look ends at most: each is cut out of the middle of a list. */
const mostEnded = 500;

/** How long the job is held while it is being ended, in milliseconds; who dies meanwhile leaves it to the workers. */
const hold = 30_000;

/**
 * Ends waiting jobs whose expiry has passed, so that they are no backlog and are known as expired although no worker
 * comes to them. Each call goes through a part of the queue, from the oldest job on, and the next one goes on there.
 * What a job's end leads to beyond itself is the workers' to do: jobs of a workflow, and those with `onFailure`, are
 * left to them.
 * @returns the ids of the jobs it ended
 */
export async function expireWaiting(broker: Shard, queue: string, cursor: ExpiryCursor): Promise<string[]> {
  const ended: string[] = [];
  const tasks: string[] = [];
  const now = await redisNow(broker);
  for (const list of ["wait", "prioritized"]) {
    const key = broker.keys.of(queue, list);
    let at = cursor.get(key) ?? 0;
    for (let looked = 0; looked < most && ended.length < mostEnded; ) {
      const [count = 0, ...found] = await find(broker, queue, list, at, now);
      let gone = 0;
      for (const id of found.map(String)) {
        const task = await expire(broker, queue, id, now);
        if (task === undefined) continue;
        ended.push(id);
        tasks.push(task);
        gone += 1;
      }
      looked += Number(count);
      // What was cut out moves the others up.
      at += Number(count) - gone;
      if (Number(count) === 0) {
        at = 0;
        break;
      }
    }
    cursor.set(key, at);
  }
  await noteExpired(broker, queue, tasks);
  return ended;
}

async function find(
  broker: Shard,
  queue: string,
  list: string,
  from: number,
  now: number,
): Promise<(number | string)[]> {
  const { redis, keys } = broker;
  const [key, prefix] = [keys.of(queue, list), keys.of(queue, "")];
  return redis.lovageFindExpired(key, prefix, list, from, slice, now);
}

/** @returns its task's name; undefined when it was not ended */
async function expire(broker: Shard, queue: string, id: string, now: number): Promise<string | undefined> {
  const { redis, keys } = broker;
  const key = keys.job(queue, id);
  const token = `expiry:${randomUUID()}`;
  // One whose data is no JSON is the workers' to refuse.
  const job = await Job.fromId(broker.queue(queue), id).catch(() => undefined);
  const error = job && expiryOf(job, now);
  if (job === undefined || error === undefined) return undefined;
  const lists = ["wait", "prioritized", "active"].map((name) => keys.of(queue, name));
  if ((await redis.lovageTakeUnstarted(key, keys.lock(queue, id), ...lists, id, token, hold)) !== 1)
    return undefined;
  const reason = `${error.code}: ${error.message}`;
  const fields = { failedReason: reason, [jobFields.error]: JSON.stringify(error.toRecord()) };
  await broker
    .queue(queue)
    .backend.moveToFailed(job, reason, job.opts.removeOnFail ?? false, token, false, fields);
  return job.name;
}

/** Undefined for a job that has not expired, or whose end leads to more. */
function expiryOf({ data, parent }: Job, now: number): LovageError | undefined {
  if (parent !== undefined) return undefined;
  try {
    const { expiresAt, onFailure } = decodeCall(data).meta;
    if (expiresAt === undefined || expiresAt >= now || onFailure !== undefined) return undefined;
    return expired(expiresAt);
  } catch {
    // What is no call is the workers' to refuse.
    return undefined;
  }
}

function expired(expiresAt: number): LovageError {
  const at = new Date(expiresAt).toISOString();
  return new LovageError("JOB_EXPIRED", `the job had to start before ${at}`, { field: "expires", value: at });
}
