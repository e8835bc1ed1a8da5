import { randomUUID } from "node:crypto";
import { type JobsOptions, QueueKeys } from "bullmq";
import { LovageError } from "../core/errors.ts";
import { type Call, encodeCall } from "../task/codec.ts";
import type { RetryPolicy } from "../task/definition.ts";
import type { Broker } from "./broker.ts";
import { type EnqueueOptions, readCallMeta, readJobOptions } from "./enqueue-options.ts";

/** The part of a task that enqueuing needs. */
export interface Target {
  name: string;
  queue: string;
  retry: Pick<RetryPolicy, "attempts">;
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
 * @param derivedId an id made from another job's, with a `~`
 * @throws LovageError `INPUT_INVALID` for an option at fault, `DATA_TOO_LARGE` for an input over 1 MiB
 */
export function prepareJob(
  target: Target,
  input: unknown,
  options: EnqueueOptions = {},
  derivedId?: string,
): PreparedJob {
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
  if (options.id !== undefined) checkId(options.id);
  const { queue = target.queue, attempts = target.retry.attempts } = options;
  const opts: PreparedJob["opts"] = {
    ...readJobOptions(options),
    jobId: derivedId ?? options.id ?? randomUUID(),
    attempts,
    // The worker computes the delay from the call's or the task's policy: see backoffStrategy in the consumer.
    backoff: { type: "task" },
  };
  return { queue, name: target.name, data: encodeCall(input, readCallMeta(options)), opts };
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
