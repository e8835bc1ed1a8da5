import type { Broker } from "./broker.ts";
import { jobFields } from "./keys.ts";

/** A part of a job's log, by line numbers that stay the same when old lines are trimmed. */
export interface LogPart {
  lines: string[];
  /** Number of the first line given, counted from 0. */
  from: number;
  /** Number of the line after the last: where the next look goes on. */
  next: number;
}

/** The most that one write may bring: it stays below Lua's limit of unpack. */
const mostAtOnce = 5000;

/** How many of the lines that come between two writes are worth holding, where so many are kept. */
export const heldLines = (keep: number): number => Math.min(keep, mostAtOnce);

/** The longest line kept, in characters: a log is for reading. */
const maxLineLength = 2000;

export interface LogAddition {
  lines: readonly string[];
  /** Stored in the same step as the lines, so that who goes on after a crash neither repeats nor skips any. */
  cursor?: string | undefined;
}

/** Adds to the log of a job while its lock is held; afterwards it does nothing, for another worker goes on with it. */
export async function appendLog(
  broker: Broker,
  job: { queue: string; id: string; token: string },
  { lines, cursor = "" }: LogAddition,
  keep: number,
): Promise<void> {
  // More than is kept need not travel.
  const kept = lines.slice(-heldLines(keep)).map((line) => line.slice(0, maxLineLength));
  if (kept.length === 0) return;
  const { queue, id, token } = job;
  const { keys, redis } = broker;
  await redis.lovageLog(
    keys.job(queue, id),
    keys.logs(queue, id),
    keys.lock(queue, id),
    token,
    keep,
    jobFields.logLines,
    jobFields.logCursor,
    cursor,
    ...kept,
  );
}

/** The lines from a number on, as far as they are still kept. */
export async function readLog(broker: Broker, queue: string, id: string, from = 0): Promise<LogPart> {
  const [count, lines] = await Promise.all([
    broker.redis.hget(broker.keys.job(queue, id), jobFields.logLines),
    broker.redis.lrange(broker.keys.logs(queue, id), 0, -1),
  ]);
  // Lines written through BullMQ's own API are not counted; then the list is all there is.
  const next = Math.max(Number(count ?? 0), lines.length);
  const first = next - lines.length;
  const start = Math.max(from, first);
  return { lines: lines.slice(start - first), from: start, next };
}
