import { parseJson } from "../core/json.ts";
import type { Broker } from "./broker.ts";

/** The fields of a job's hash over which BullMQ's scripts stumble half-way when they hold something else. */
const fields = ["ats", "atm", "stc", "parent", "parentKey"] as const;

/** Whether a job that was just taken holds what BullMQ could not end it with. */
export function isUnendable({
  attemptsMade,
  parentKey,
}: {
  attemptsMade: number;
  parentKey?: string;
}): boolean {
  return Number.isNaN(attemptsMade) || (parentKey !== undefined && !isJobKey(parentKey));
}

/**
 * Removes what others wrote into a job's counters, or as its parent, and is neither: BullMQ would take the job and fail
 * to end it, or take it from its list and end it nowhere.
 */
export async function mendJob({ redis, keys }: Broker, queue: string, id: string): Promise<void> {
  const key = keys.job(queue, id);
  const [started, made, stalled, parent, parentKey] = await redis.hmget(key, ...fields);
  const orphan = (parent ?? null) !== null && !isParent(parent);
  const lost = orphan || ((parentKey ?? null) !== null && !isJobKey(String(parentKey)));
  const wrong = [
    ...(isCount(started) ? [] : ["ats"]),
    ...(isCount(made) ? [] : ["atm"]),
    ...(isCount(stalled) ? [] : ["stc"]),
    ...(lost ? ["parent", "parentKey"] : []),
  ];
  if (wrong.length > 0) await redis.hdel(key, ...wrong);
}

function isCount(text: unknown): boolean {
  return text === null || text === undefined || /^-?\d{1,15}$/.test(String(text));
}

function isParent(text: unknown): boolean {
  const parent = parseJson(String(text));
  return typeof parent === "object" && parent !== null && !Array.isArray(parent);
}

function isJobKey(key: string): boolean {
  return /^.+:.+:.+$/s.test(key);
}
