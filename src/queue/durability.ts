import type { Redis } from "ioredis";
import { describeError, LovageError } from "../core/errors.ts";
import { tellsTheTruth, untilSynced } from "./disk-syncs.ts";
import type { JobPlace } from "./idempotency.ts";
import { hasManyNodes } from "./redis-cluster.ts";

/** Who must have a job before its call succeeds, besides the memory of the Redis that took it. */
export type Confirmation = "disk" | "replica";

/** The part of a call's time that this wait may take: its refusal must come before the call's own deadline. */
const share = 0.8;

/** Connections whose server was found able to tell of its disk; replicas come and go. */
const able = new WeakSet<Redis>();

/** The strictest that one of these jobs asks for; a replica helps against more than the own disk does. */
export function confirmationOf(
  jobs: readonly { confirm?: Confirmation }[],
): Confirmation | "both" | undefined {
  const asked = new Set(jobs.flatMap(({ confirm }) => confirm ?? []));
  return asked.size > 1 ? "both" : [...asked][0];
}

function each(asked: Confirmation | "both"): Confirmation[] {
  return asked === "both" ? ["disk", "replica"] : [asked];
}

/**
 * Asks, before a job is made, whether the server can tell who has it.
 * @throws LovageError `NOT_DURABLE`
 */
export async function requireConfirmation(redis: Redis, asked: Confirmation | "both"): Promise<void> {
  for (const confirmation of each(asked)) {
    if (hasManyNodes(redis)) {
      throw notDurable(
        confirmation,
        `a cluster cannot confirm what is on a ${confirmation}`,
        [],
        "leave out confirm; docs/redis-cluster.md tells what a failover may lose",
      );
    }
    if (confirmation === "replica") await requireReplica(redis);
    else if (!able.has(redis)) await requireDisk(redis);
  }
}

async function requireDisk(redis: Redis): Promise<void> {
  await waitForDisk(redis, 1);
  // Others that asked at the same time have seen to it by now.
  if (able.has(redis)) return;
  able.add(redis);
  redis.once("close", () => able.delete(redis));
}

/**
 * Waits until all that this connection wrote is on disk, or in a replica's memory.
 * @throws LovageError `NOT_DURABLE`, naming the jobs, which may exist
 */
export async function confirm(
  redis: Redis,
  asked: Confirmation | "both",
  jobs: readonly JobPlace[],
  within: number,
): Promise<void> {
  const until = Date.now() + within * share;
  const ids = jobs.map(({ id }) => id);
  for (const confirmation of each(asked)) {
    const milliseconds = Math.max(1, Math.floor(until - Date.now()));
    const wait = confirmation === "disk" ? onDisk : waitForReplica;
    if (await wait(redis, milliseconds, ids)) continue;
    throw notDurable(
      confirmation,
      `Redis did not confirm within ${milliseconds} ms that ${confirmation === "disk" ? "its disk" : "a replica"} has ${named(ids)}`,
      ids,
      `${confirmation === "disk" ? "its disk is slow or full: see `INFO persistence`" : "no replica follows, or none is near: see `INFO replication`"}; the job exists in memory, and a call with the same id makes no second one`,
    );
  }
}

/** What the server says is on disk, and is so by its own account of its syncs where it is known to say it too early. */
async function onDisk(redis: Redis, milliseconds: number, ids: readonly string[]): Promise<boolean> {
  const until = Date.now() + milliseconds;
  const told = await waitForDisk(redis, milliseconds, ids);
  return told && ((await tellsTheTruth(redis)) || (await untilSynced(redis, until)));
}

async function waitForDisk(
  redis: Redis,
  milliseconds: number,
  ids: readonly string[] = [],
): Promise<boolean> {
  try {
    const [local] = (await redis.call("WAITAOF", "1", "0", String(milliseconds))) as [number];
    return local >= 1;
  } catch (error) {
    if ((error as Error).name !== "ReplyError") throw error;
    const text = describeError(error);
    if (/unknown command/i.test(text)) {
      throw notDurable(
        "disk",
        "this Redis cannot confirm what is on its disk",
        ids,
        "use Redis 7.2, Valkey or later, or leave out confirm",
        error,
      );
    }
    throw notDurable(
      "disk",
      "this Redis has no append-only file",
      ids,
      "turn it on: `CONFIG SET appendonly yes`, and `appendonly yes` in redis.conf",
      error,
    );
  }
}

async function waitForReplica(redis: Redis, milliseconds: number): Promise<boolean> {
  return (await redis.wait(1, milliseconds)) >= 1;
}

async function requireReplica(redis: Redis): Promise<void> {
  const info = await redis.info("replication");
  if (Number(/^connected_slaves:(\d+)/m.exec(info)?.[1] ?? 0) > 0) return;
  throw notDurable(
    "replica",
    "no replica follows this Redis",
    [],
    "start one, or leave out confirm: see `INFO replication`",
  );
}

function named(ids: readonly string[]): string {
  return ids.length === 1 ? `job ${ids[0]}` : `the ${ids.length} jobs`;
}

function notDurable(
  confirmation: Confirmation,
  message: string,
  ids: readonly string[],
  hint: string,
  cause?: unknown,
): LovageError {
  return new LovageError("NOT_DURABLE", message, {
    field: "confirm",
    value: ids.length === 0 ? confirmation : ids,
    hint,
    cause,
  });
}
