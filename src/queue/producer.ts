import { randomUUID } from "node:crypto";
import { type JobsOptions, QueueKeys } from "bullmq";
import { LovageError } from "../core/errors.ts";
import type { TaskManifest } from "../task/catalogue.ts";
import { type Call, encodeCall } from "../task/codec.ts";
import type { RetryPolicy } from "../task/definition.ts";
import { deafToSoftLimit } from "../task/limits.ts";
import type { Confirmation } from "./durability.ts";
import { type EnqueueOptions, readCallMeta, readJobOptions } from "./enqueue-options.ts";
import { type Idempotency, readIdempotency } from "./idempotency.ts";
import type { Queues } from "./queues.ts";
import { checkSize } from "./size.ts";

/** The part of a task that enqueuing needs. */
export interface Target {
  name: string;
  queue: string;
  retry: Pick<RetryPolicy, "attempts">;
  kind?: TaskManifest["kind"];
}

/** A job ready for Redis. */
export interface PreparedJob {
  queue: string;
  name: string;
  data: Call;
  opts: JobsOptions & { jobId: string };
  idempotency?: Idempotency;
  /** Who must have it before its call succeeds. */
  confirm?: Confirmation;
  /** Whether the caller chose its id, or it was made from another job's. */
  chosenId?: boolean;
}

/** The largest input, in bytes of JSON: Redis keeps each waiting job in memory. */
export const maxInputBytes = 1024 * 1024;

/**
 * Turns a call into a job; no input or output.
 * @param derivedId an id made from another job's, with a `~`
 * @param now milliseconds since 1970 by Redis' clock, where that is known; default: by the caller's own
 * @throws LovageError `INPUT_INVALID` for an option at fault, `DATA_TOO_LARGE` for an input over 1 MiB
 */
export function prepareJob(
  target: Target,
  input: unknown,
  options: EnqueueOptions = {},
  derivedId?: string,
  now?: number,
): PreparedJob {
  checkSize(input, "input", maxInputBytes, "write it to a file and pass the file's path");
  if (options.id !== undefined) checkId(options.id);
  const { deduplication } = options;
  if (options.id !== undefined && deduplication?.mode === "debounce") checkReplaceable(options.id);
  if (target.kind === "ray" && options.softTimeLimit !== undefined)
    throw deafToSoftLimit(options.softTimeLimit);
  if (options.rayCluster !== undefined && target.kind !== undefined && target.kind !== "ray")
    throw noRayTask(target.name, options.rayCluster);
  const { queue = target.queue, attempts = target.retry.attempts } = options;
  const opts: PreparedJob["opts"] = {
    ...readJobOptions(target.name, options, now),
    jobId: derivedId ?? options.id ?? randomUUID(),
    attempts,
    // The worker computes the delay from the call's or the task's policy: see backoffStrategy in the consumer.
    ...(attempts > 1 && { backoff: { type: "task" } }),
  };
  const job: PreparedJob = {
    queue,
    name: target.name,
    data: encodeCall(input, readCallMeta(options, now)),
    opts,
  };
  if (now !== undefined) opts.timestamp = now;
  if (options.idempotencyKey !== undefined) job.idempotency = readIdempotency(options.idempotencyKey, input);
  if (options.confirm === "disk" || options.confirm === "replica") job.confirm = options.confirm;
  if (options.id !== undefined || derivedId !== undefined) job.chosenId = true;
  return job;
}

function noRayTask(task: string, rayCluster: string): LovageError {
  return new LovageError("INPUT_INVALID", `${task} is no Ray task, so it cannot be sent to a Ray cluster`, {
    field: "rayCluster",
    value: rayCluster,
    hint: "leave it out; what a task itself runs on Ray names its cluster there",
  });
}

/** Puts jobs into their queues, as they are. Resolves when Redis has them. */
export async function addJobs(queues: Pick<Queues, "queueAt">, jobs: readonly PreparedJob[]): Promise<void> {
  // Commands of one tick share their round trip; a bulk of BullMQ's is slower, and fails as a whole.
  await Promise.all(jobs.map((job) => addJob(queues, job)));
}

/** @returns the id of the job that is there: another one's where a deduplication key has it */
export async function addJob(queues: Pick<Queues, "queueAt">, job: PreparedJob): Promise<string> {
  const { id } = await queues.queueAt(job.queue, job.opts.jobId).add(job.name, job.data, job.opts);
  return id ?? job.opts.jobId;
}

/**
 * The next debounced call removes this job. A user of Redis that may only enqueue may remove no key whose name looks like a
 * queue's own: see deploy/redis/users.acl.rules.
 */
function checkReplaceable(id: string): void {
  if (/[^a-z-]/.test(id)) return;
  throw new LovageError("INPUT_INVALID", `the id ${JSON.stringify(id)} cannot be used for a debounced call`, {
    field: "id",
    value: id,
    hint: "put a digit, a capital, a dot or _ into it, or leave it out",
  });
}

/** BullMQ keeps a queue's own keys beside its jobs: a job of such an id would overwrite one. */
const takenIds = new Set(Object.keys(new QueueKeys().getKeys("")));

function checkId(id: string): void {
  const fits = /^[A-Za-z0-9_.-]{1,128}$/.test(id);
  // BullMQ counts its own ids, and takes a whole number for one of them.
  if (fits && !/^\d+$/.test(id) && !takenIds.has(id)) return;
  throw new LovageError("INPUT_INVALID", `the id ${JSON.stringify(id)} cannot be used`, {
    field: "id",
    value: id,
    hint: fits
      ? `put something in front of it, as in job-${id}: whole numbers and "${[...takenIds].slice(1, 4).join('", "')}" and the like are the queue's own`
      : "use up to 128 letters, digits, _, - and dots",
  });
}
