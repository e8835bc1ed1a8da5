import { fingerprint } from "../core/canonical-json.ts";
import { LovageError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { type Call, decodeCall } from "../task/codec.ts";
import { type QueueName, queueNames } from "../task/definition.ts";
import { type Broker, jobNotFound } from "./broker.ts";
import type { EnqueueOptions } from "./enqueue-options.ts";
import type { JobPlace } from "./idempotency.ts";
import { jobFields } from "./keys.ts";
import { type PreparedJob, prepareJob, type Target } from "./producer.ts";
import { type JobSnapshot, readSnapshot } from "./snapshot.ts";

/** What a replay may change. The job's id is made from the dead one's, so that a repeated replay makes no second job. */
export type ReplayOptions = Omit<EnqueueOptions, "id" | "idempotencyKey" | "deduplication">;

/** A replay whose job may still have to be added. */
export interface ClaimedReplay extends JobPlace {
  made: boolean;
  /** For {@link noteReplayed}. */
  record: string;
}

/** @throws LovageError `JOB_NOT_FOUND`, `JOB_NOT_ENDED`, `JOB_NOT_DEAD` */
export async function readDeadLetter(broker: Broker, { queue, id }: JobPlace): Promise<JobSnapshot> {
  const snapshot = await readSnapshot(broker, queue, id);
  const { state, endedAt } = snapshot;
  // A cancelled job may still wait for a worker to drop it.
  if (state === "failed" || state === "expired" || (state === "cancelled" && endedAt !== undefined))
    return snapshot;
  if (state === "completed") {
    throw new LovageError("JOB_NOT_DEAD", `job ${id} completed, so it is no dead letter`, {
      field: "id",
      value: id,
      hint: "enqueue its task again for another run",
    });
  }
  throw new LovageError("JOB_NOT_ENDED", `job ${id} is ${state}, so it is no dead letter yet`, {
    field: "id",
    value: id,
    hint: "wait for its end, or cancel it first",
  });
}

/**
 * Claims the next replay of a dead job.
 * @throws LovageError `IDEMPOTENCY_CONFLICT` when it was replayed already, with another input, and `again` is false
 */
export async function claimReplay(
  broker: Broker,
  dead: JobPlace,
  { input, queue, again }: { input: unknown; queue: string; again: boolean },
): Promise<ClaimedReplay> {
  const [answer, id, place, record] = await broker.redis.lovageClaimReplay(
    broker.keys.job(dead.queue, dead.id),
    jobFields.replay,
    // BullMQ refuses colons, which ids made by others may have.
    dead.id.replaceAll(":", "-"),
    fingerprint(input),
    queue,
    again ? "1" : "0",
  );
  if (answer === -1) throw jobNotFound(dead.id);
  if (answer === 2) {
    throw new LovageError(
      "IDEMPOTENCY_CONFLICT",
      `job ${dead.id} was replayed already, with another input, as job ${id}`,
      { field: "id", value: dead.id, hint: "look at that job, or replay once more with `again: true`" },
    );
  }
  return { id, queue: place, made: answer === 0, record };
}

/** The lineage in the other direction: the dead job names its replay. */
export async function noteReplayed(broker: Broker, dead: JobPlace, record: string): Promise<void> {
  await broker.redis.lovageReplayed(broker.keys.job(dead.queue, dead.id), jobFields.replay, record);
}

/** The queue of the replay: the dead job's own, where it is one of Lovage's. */
export function queueOfReplay(dead: JobPlace, target: Target, options: ReplayOptions): string {
  const own = queueNames.find((name: QueueName) => name === dead.queue);
  return options.queue ?? own ?? target.queue;
}

/**
 * The call that a dead job was, to be made anew.
 * @param edited whether the caller brings an input, so that what lies there need not be a call
 * @throws LovageError `PAYLOAD_INVALID`
 */
export async function readDeadCall(broker: Broker, dead: JobPlace, edited: boolean): Promise<DeadCall> {
  const [data, opts] = await broker.redis.hmget(broker.keys.job(dead.queue, dead.id), "data", "opts");
  const { attempts, priority } = (parseJson(opts ?? "") ?? {}) as Record<string, unknown>;
  const kept = {
    ...(isWhole(attempts, 1, 1000) && { attempts }),
    ...(isWhole(priority, 0, 9) && { priority }),
  };
  try {
    return { call: decodeCall(parseJson(data ?? "")), kept };
  } catch (error) {
    if (edited) return { call: { v: 1, input: undefined, meta: {} }, kept };
    throw new LovageError("PAYLOAD_INVALID", `what lies in job ${dead.id} is no call of Lovage's`, {
      field: "input",
      cause: error,
      hint: "replay it with an input of your own, or discard it",
    });
  }
}

export interface DeadCall {
  call: Call;
  /** What of BullMQ's options the new job takes over. */
  kept: { attempts?: number; priority?: number };
}

/** The new job: as the dead one was, apart from what the caller changes. */
export function prepareReplay(
  { call, kept }: DeadCall,
  target: Target,
  {
    input,
    options,
    place,
    replayOf,
  }: { input: unknown; options: ReplayOptions; place: JobPlace; replayOf: string },
): PreparedJob {
  const prepared = prepareJob(target, input, { ...kept, ...options });
  // What bound the first call to its time does not bind the new one.
  const { expiresAt: _expiresAt, cancelled: _cancelled, ...meta } = call.meta;
  return {
    ...prepared,
    queue: place.queue,
    data: { ...prepared.data, meta: { ...meta, ...prepared.data.meta, replayOf } },
    opts: { ...prepared.opts, jobId: place.id },
  };
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}
