import type { JobsOptions } from "bullmq";
import { type Duration, toMilliseconds } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import type { EnqueueScripts } from "./enqueue-scripts.ts";
import type { Keys } from "./keys.ts";
import type { PreparedJob } from "./producer.ts";

/**
 * What becomes of a call while another one of the same task with the same key has not ended:
 * - `skip` (default): it is dropped, and its handle is the other job's;
 * - `throttle`: the same, for `ttl` from when the other was made, ended or not;
 * - `debounce`: it waits for `ttl` and takes the place of another that still waits: that one is removed, and its handle
 *   says `JOB_NOT_FOUND`;
 * - `keep-last`: a job that was not started yet gets this call's input, and the handle is that job's; while a job runs,
 *   the newest call is kept and made a job when that one has ended, and the handle is the running job's.
 */
export type Deduplication =
  | { key: string; mode?: "skip" | "keep-last" }
  | { key: string; mode: "throttle" | "debounce"; ttl: Duration };

const modes = ["skip", "throttle", "debounce", "keep-last"] as const;

/** Keys are the task's own, although BullMQ keeps them by queue. @throws LovageError `INPUT_INVALID` */
export function readDeduplication(
  task: string,
  asked: Deduplication,
  waits: boolean,
): Pick<JobsOptions, "deduplication" | "delay"> {
  const { key, mode = "skip", ttl } = asked as { key: string; mode?: string; ttl?: Duration };
  if (typeof key !== "string" || key.length < 1 || key.length > 500)
    throw refused("key", key, "use a text of 1 to 500 characters");
  const id = `${task}:${key}`;
  const timed = mode === "throttle" || mode === "debounce";
  if (timed !== (ttl !== undefined)) {
    throw refused("ttl", ttl, timed ? `${mode} needs it, such as "30s"` : `${mode} has none; leave it out`);
  }
  const milliseconds = timed ? toMilliseconds(ttl ?? 0, "deduplication.ttl") : 0;
  if (timed && milliseconds < 1) throw refused("ttl", ttl, "use 1 ms or more");
  switch (mode) {
    case "skip":
      return { deduplication: { id } };
    case "throttle":
      return { deduplication: { id, ttl: milliseconds } };
    case "keep-last":
      return { deduplication: { id, keepLastIfActive: true } };
    case "debounce":
      if (waits) throw refused("mode", mode, "it waits for its ttl: leave out delay and at");
      // Without a ttl of BullMQ's: the key would run out by Redis' clock while the job waits by the caller's.
      return { deduplication: { id, replace: true }, delay: milliseconds };
    default:
      throw refused("mode", mode, `use one of ${modes.join(", ")}`);
  }
}

/** How often a call that met another job is tried again; each time that other has moved on. */
const tries = 5;

/**
 * Adds a job that may meet another of its key. BullMQ drops a call that meets a job which waits for a worker; of the
 * modes whose newest call counts (debounce, keep-last) none may be lost.
 * @returns the id of the job that really exists
 */
export async function addDeduplicated(
  redis: EnqueueScripts,
  keys: Keys,
  job: PreparedJob,
  add: () => Promise<string>,
): Promise<string> {
  const { id: own, replace = false, keepLastIfActive = false } = job.opts.deduplication ?? { id: "" };
  let id = await add();
  if (!replace && !keepLastIfActive) return id;
  const shard = keys.at(job.opts.jobId);
  const key = shard.deduplication(job.queue, own);
  for (let left = tries; id !== job.opts.jobId && left > 0; left -= 1) {
    const data = JSON.stringify(job.data);
    const done = await redis.lovageTakePlace(
      shard.job(job.queue, id),
      shard.active(job.queue),
      key,
      id,
      data,
    );
    if (done === 1) return id;
    // A debounced call does not wait for a job that runs.
    if (done === 0 && replace) await redis.lovageFreeKey(key, id);
    const met = id;
    // A job that runs keeps the newest call; it may have begun to run only now, so it is told again.
    id = await add();
    if (done === 0 && id === met) return id;
  }
  return id;
}

function refused(field: string, value: unknown, hint: string): LovageError {
  return new LovageError(
    "INPUT_INVALID",
    `deduplication.${field} is ${JSON.stringify(value) ?? "not given"}; ${hint}`,
    { field: `deduplication.${field}`, value, hint },
  );
}
