import { randomUUID } from "node:crypto";
import { type JobsOptions, QueueKeys } from "bullmq";
import { type Duration, toMilliseconds } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import { type Call, encodeCall } from "../task/codec.ts";
import type { RetryPolicy } from "../task/definition.ts";
import type { Broker } from "./broker.ts";

/** What a call may ask for besides its input. */
export interface EnqueueOptions {
  /** The job's id, for callers that must not enqueue twice: an id that is there already is left as it is. */
  id?: string;
  /** Not before so long from now. */
  delay?: Duration;
  /** Not started later than so long from now; the job's state is then `expired`. */
  expires?: Duration;
  /** 0 (the default, first of all) to 9 (last). */
  priority?: number;
  /** Attempts in all. Default: the task's own. */
  attempts?: number;
}

/** The part of a task that enqueuing needs. */
export interface Target {
  name: string;
  queue: string;
  retry: RetryPolicy;
}

/** A job ready for Redis. */
export interface PreparedJob {
  queue: string;
  name: string;
  data: Call;
  opts: JobsOptions & { jobId: string };
}

/** The largest input, in bytes of JSON: Redis keeps each waiting job in memory. */
export const maxInputBytes = 1024 * 1024;

/**
 * Turns a call into a job; no input or output.
 * @throws LovageError `INPUT_INVALID` for an option out of bounds, `DATA_TOO_LARGE` for an input over 1 MiB
 */
export function prepareJob(target: Target, input: unknown, options: EnqueueOptions = {}): PreparedJob {
  const size = Buffer.byteLength(JSON.stringify(input) ?? "");
  if (size > maxInputBytes) {
    throw new LovageError(
      "DATA_TOO_LARGE",
      `the input of ${target.name} has ${size} bytes, more than ${maxInputBytes}`,
      {
        field: "input",
        value: size,
        hint: "write it to a file and pass the file's path",
      },
    );
  }
  const { priority = 0, attempts = target.retry.attempts } = options;
  checkWhole("priority", priority, 0, 9);
  checkWhole("attempts", attempts, 1, 1000);
  if (options.id !== undefined) checkId(options.id);
  const meta =
    options.expires === undefined
      ? {}
      : { expiresAt: Date.now() + toMilliseconds(options.expires, "expires") };
  const opts: PreparedJob["opts"] = {
    jobId: options.id ?? randomUUID(),
    attempts,
    // The worker computes the delay from the task's own policy: see backoffStrategy in the consumer.
    backoff: { type: "task" },
  };
  if (options.delay !== undefined) opts.delay = toMilliseconds(options.delay, "delay");
  if (priority > 0) opts.priority = priority;
  return { queue: target.queue, name: target.name, data: encodeCall(input, meta), opts };
}

/** Puts jobs into their queues, in one round trip a queue. Resolves when Redis has them. */
export async function addJobs(broker: Broker, jobs: readonly PreparedJob[]): Promise<void> {
  const [first] = jobs;
  if (first !== undefined && jobs.length === 1) {
    await broker.queue(first.queue).add(first.name, first.data, first.opts);
    return;
  }
  const byQueue = Map.groupBy(jobs, (job) => job.queue);
  await Promise.all([...byQueue].map(([queue, group]) => broker.queue(queue).addBulk(group)));
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

function checkWhole(field: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new LovageError(
    "INPUT_INVALID",
    `${field} is ${value}, not a whole number from ${least} to ${most}`,
    {
      field,
      value,
    },
  );
}
