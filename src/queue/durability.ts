import type { Redis } from "ioredis";
import { describeError, LovageError } from "../core/errors.ts";
import type { JobPlace } from "./idempotency.ts";
import { hasManyNodes } from "./redis-cluster.ts";

/** The part of a call's time that the wait for the disk may take: its refusal must come before the call's own deadline. */
const share = 0.8;

/** Connections whose server was found able to tell. */
const able = new WeakSet<Redis>();

/**
 * Asks, before a job is made, whether the server can tell what is on its disk.
 * @throws LovageError `NOT_DURABLE`
 */
export async function requireDiskConfirmation(redis: Redis): Promise<void> {
  if (able.has(redis)) return;
  if (hasManyNodes(redis)) {
    throw notDurable(
      "a cluster cannot confirm what is on its disks",
      [],
      "leave out confirm: a node that is replaced meanwhile would have to be told from one that wrote",
    );
  }
  await waitForDisk(redis, 1);
  able.add(redis);
  redis.once("close", () => able.delete(redis));
}

/**
 * Waits until all that this connection wrote is in the append-only file on disk.
 * @throws LovageError `NOT_DURABLE`, naming the jobs, which may exist
 */
export async function confirmOnDisk(redis: Redis, jobs: readonly JobPlace[], within: number): Promise<void> {
  const milliseconds = Math.max(1, Math.floor(within * share));
  const ids = jobs.map(({ id }) => id);
  if (await waitForDisk(redis, milliseconds, ids)) return;
  throw notDurable(
    `Redis did not confirm within ${milliseconds} ms that its disk has ${named(ids)}`,
    ids,
    "its disk is slow or full: see `INFO persistence`; the job exists in memory, and a call with the same id makes no second one",
  );
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
        "this Redis cannot confirm what is on its disk",
        ids,
        "use Redis 7.2, Valkey or later, or leave out confirm",
        error,
      );
    }
    throw notDurable(
      "this Redis has no append-only file",
      ids,
      "turn it on: `CONFIG SET appendonly yes`, and `appendonly yes` in redis.conf",
      error,
    );
  }
}

function named(ids: readonly string[]): string {
  return ids.length === 1 ? `job ${ids[0]}` : `the ${ids.length} jobs`;
}

function notDurable(message: string, ids: readonly string[], hint: string, cause?: unknown): LovageError {
  return new LovageError("NOT_DURABLE", message, {
    field: "confirm",
    value: ids.length === 0 ? "disk" : ids,
    hint,
    cause,
  });
}
