import type { JobsOptions } from "bullmq";
import { type Duration, toMilliseconds } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import { type CallOptions, callOptionNames, refuseUnknown } from "../task/call-options.ts";
import type { CallMeta, Continuation } from "../task/codec.ts";
import { maxHeaderBytes } from "../task/enqueue-hooks.ts";
import { readTimeLimits } from "../task/limits.ts";
import { queueNames } from "../task/queue-names.ts";
import { clusterName } from "../task/ray-clusters.ts";
import { type Deduplication, readDeduplication } from "./deduplication.ts";
import type { Confirmation } from "./durability.ts";
import { checkSize } from "./size.ts";

/** What a call may ask for besides its input. */
export interface EnqueueOptions extends Omit<CallOptions, "expires"> {
  /** The job's id, for callers that must not enqueue twice: an id that is there already is left as it is. */
  id?: string;
  /** Not before this moment; a text is ISO 8601. Not together with `delay`. */
  at?: Date | string;
  /** Not started later than so long from now, or than this moment; the job's state is then `expired`. */
  expires?: Duration | Date;
  /**
   * The same key and the same input (as JSON, whatever the order of its fields) within `lifetime` (default "1d"): the
   * same job, whatever became of it. The same key with another input is refused with `IDEMPOTENCY_CONFLICT`. Keys are
   * the task's own.
   */
  idempotencyKey?: string | { key: string; lifetime?: Duration };
  /** What becomes of the call while another of the same task and key has not ended. */
  deduplication?: Deduplication;
  /** What its run finds in `context.job.headers`, such as a trace's context; hooks may add to it. Up to 8 KiB of JSON. */
  headers?: Readonly<Record<string, string>>;
  /** Checks the result and drops it. */
  ignoreResult?: boolean;
  /**
   * `disk`: resolves only when Redis has the job in its append-only file on disk, and fails with `NOT_DURABLE` when it
   * cannot tell (needs Redis 7.2 or Valkey). `replica`: resolves only when a replica has it, too, so that no failover to
   * that replica loses it; fails in the same way. Default: resolves when Redis has it in memory.
   */
  confirm?: "memory" | Confirmation;
}

/** The largest metadata, in bytes of JSON. */
const maxMetadataBytes = 16 * 1024;

const optionNames = {
  ...callOptionNames,
  id: true,
  at: true,
  idempotencyKey: true,
  deduplication: true,
  headers: true,
  ignoreResult: true,
  confirm: true,
} satisfies Record<keyof EnqueueOptions, true>;

/** The options that BullMQ knows. @throws LovageError `INPUT_INVALID` */
export function readJobOptions(task: string, options: EnqueueOptions, now?: number): JobsOptions {
  const opts: JobsOptions = {};
  refuseUnknown(options, optionNames);
  const { priority = 0, queue, attempts } = options;
  checkWhole("priority", priority, 0, 9);
  if (priority > 0) opts.priority = priority;
  if (attempts !== undefined) checkWhole("attempts", attempts, 1, 1000);
  if (queue !== undefined && !queueNames.includes(queue))
    throw refused("queue", queue, `use one of ${queueNames.join(", ")}`);
  const delay = readDelay(options, now);
  if (delay !== undefined) opts.delay = delay;
  if (options.confirm !== undefined && !["memory", "disk", "replica"].includes(options.confirm))
    throw refused("confirm", options.confirm, 'use "memory", "disk" or "replica"');
  if (options.deduplication === undefined) return opts;
  return { ...opts, ...readDeduplication(task, options.deduplication, delay !== undefined) };
}

/** What the worker must know of the call. @throws LovageError `INPUT_INVALID` */
export function readCallMeta(options: EnqueueOptions, now?: number): CallMeta {
  const { expires, tags, metadata, headers, ignoreResult, onSuccess, onFailure } = options;
  const { soft, hard } = readTimeLimits(options);
  if (tags !== undefined) checkTags(tags);
  if (metadata !== undefined) checkMetadata(metadata);
  if (headers !== undefined) checkHeaders(headers);
  if (onSuccess !== undefined) checkContinuation("onSuccess", onSuccess);
  if (onFailure !== undefined) checkContinuation("onFailure", onFailure);
  return {
    ...(expires !== undefined && { expiresAt: readMoment(expires, "expires", now) }),
    ...(soft !== undefined && { softTimeLimit: soft }),
    ...(hard !== undefined && { timeLimit: hard }),
    ...(options.rayCluster !== undefined && { rayCluster: checkCluster(options.rayCluster) }),
    ...(options.backoff !== undefined && { backoff: readBackoff(options.backoff, options.maxBackoff) }),
    ...(tags !== undefined && { tags: [...tags] }),
    ...(metadata !== undefined && { metadata: { ...metadata } }),
    ...(headers !== undefined && { headers: { ...headers } }),
    ...(ignoreResult === true && { ignoreResult }),
    ...(onSuccess !== undefined && { onSuccess }),
    ...(onFailure !== undefined && { onFailure }),
  };
}

/** @throws LovageError `INPUT_INVALID` */
export function readIdempotencyKey(asked: NonNullable<EnqueueOptions["idempotencyKey"]>): {
  key: string;
  /** Milliseconds. */
  lifetime: number;
} {
  const { key, lifetime = "1d" } = typeof asked === "string" ? { key: asked } : asked;
  if (typeof key !== "string" || key.length < 1 || key.length > 500) {
    throw new LovageError("INPUT_INVALID", "the idempotencyKey is no text of 1 to 500 characters", {
      field: "idempotencyKey",
      value: key,
      hint: "use what names the call on the caller's side, such as an order's number",
    });
  }
  return { key, lifetime: Math.max(1, Math.ceil(toMilliseconds(lifetime, "idempotencyKey.lifetime"))) };
}

function readDelay({ delay, at }: EnqueueOptions, now = Date.now()): number | undefined {
  if (at === undefined) return delay === undefined ? undefined : toMilliseconds(delay, "delay");
  if (delay !== undefined) throw refused("at", at, "give either at or delay");
  return Math.max(0, readMoment(typeof at === "string" ? new Date(at) : at, "at") - now);
}

/** Milliseconds since 1970. */
function readMoment(moment: Duration | Date, field: string, now = Date.now()): number {
  if (!(moment instanceof Date)) return now + toMilliseconds(moment, field);
  const time = moment.getTime();
  if (Number.isNaN(time))
    throw refused(field, String(moment), 'use a Date or a text such as "2027-01-31T08:00:00Z"');
  return time;
}

function readBackoff(backoff: Duration, maxBackoff: Duration = "10m"): { delay: number; max: number } {
  const delay = toMilliseconds(backoff, "backoff");
  return { delay, max: Math.max(delay, toMilliseconds(maxBackoff, "maxBackoff")) };
}

function checkTags(tags: readonly string[]): void {
  const fit =
    Array.isArray(tags) &&
    tags.length <= 20 &&
    tags.every((tag) => typeof tag === "string" && tag.length >= 1 && tag.length <= 100);
  if (!fit) throw refused("tags", tags, "use up to 20 tags of 1 to 100 characters");
}

function checkMetadata(metadata: Readonly<Record<string, unknown>>): void {
  if (!isRecord(metadata)) throw refused("metadata", metadata, "use an object");
  checkSize(metadata, "metadata", maxMetadataBytes, "keep what is larger elsewhere, and its place here");
}

function checkHeaders(headers: Readonly<Record<string, string>>): void {
  const fit = isRecord(headers) && Object.values(headers).every((value) => typeof value === "string");
  if (!fit) throw refused("headers", headers, "use an object of texts");
  checkSize(headers, "headers", maxHeaderBytes, "put what is larger into the input");
}

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkCluster(name: string): string {
  if (typeof name === "string" && clusterName.test(name)) return name;
  throw refused("rayCluster", name, 'use a name of RAY_CLUSTERS, or "default"');
}

function checkContinuation(field: string, { task, into }: Continuation): void {
  if (typeof task !== "string") throw refused(`${field}.task`, task, "name a task");
  if (into !== undefined && (typeof into !== "string" || into === ""))
    throw refused(`${field}.into`, into, "name the field of the input in which the result is put");
}

function checkWhole(field: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw refused(field, value, `use a whole number from ${least} to ${most}`);
}

function refused(field: string, value: unknown, hint: string): LovageError {
  return new LovageError("INPUT_INVALID", `${field} is ${JSON.stringify(value)}; ${hint}`, {
    field,
    value,
    hint,
  });
}
