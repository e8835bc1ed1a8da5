import type { Logger } from "../observe/logger.ts";
import type { Broker } from "../queue/broker.ts";
import { rearm } from "../queue/firing.ts";
import { armedFor, firingsOf, type ScheduleRecord } from "../queue/schedule-record.ts";
import { redisNow, walkSchedules } from "../queue/schedules.ts";
import type { SchedulerObserver } from "./observer.ts";

export interface WatchdogParts {
  broker: Broker;
  logger: Logger;
  observer: SchedulerObserver;
  /** Milliseconds by which a time may be late. */
  punctual: number;
}

/** A firing that lies so far ahead was made by a clock that was wrong, in milliseconds. */
const wrongClock = 3_600_000;

/**
 * Finds the schedules that would never fire again, or not for long: not armed though it should be, armed for a time that
 * the clockwork let pass, or, after a clock was wrong, for one too far ahead.
 * @returns how many were armed again
 */
export async function watchSchedules(parts: WatchdogParts, term: number): Promise<number> {
  const { broker, logger, observer } = parts;
  let count = 0;
  for await (const records of walkSchedules(broker)) {
    const now = await redisNow(broker);
    for (const record of records) {
      const wrong = findFault(record, now, parts.punctual);
      if (wrong === undefined || !(await rearm(broker, term, record, wrong.armed))) continue;
      count += 1;
      const { name: schedule, spec } = record;
      observer.rearmed?.({ schedule, task: spec.target.name });
      const next = wrong.armed === null ? null : new Date(wrong.armed.next);
      logger.warn({ schedule, was: record.next && new Date(record.next), next }, `armed again: ${wrong.why}`);
    }
  }
  return count;
}

/** What is wrong with a schedule's next time, and how it is armed instead; undefined where nothing is. */
export function findFault(
  record: ScheduleRecord,
  now: number,
  punctual: number,
): { why: string; armed: { next: number; due: number } | null } | undefined {
  const { name, spec, next, due, indexed, last, paused } = record;
  if (paused !== null) return undefined;
  const lastAt = last !== null && last.at < now + wrongClock ? last.at : Number.NEGATIVE_INFINITY;
  const after = Math.max(now, lastAt);
  const expected = armedFor(name, spec, firingsOf(record), after);
  if (next === null) {
    return expected === null ? undefined : { why: "it was not armed", armed: expected };
  }
  // What was missed meanwhile is the clockwork's to judge: the time is kept, and made to be found.
  const kept = { next, due: due ?? next };
  if (due === null || indexed !== due) return { why: "its next time was not to be found", armed: kept };
  if (due < now - Math.max(punctual, spec.jitter)) {
    return { why: "its next time lies in the past", armed: expected };
  }
  if (expected !== null && next > expected.next) {
    return { why: "its next time lay too far ahead", armed: expected };
  }
  return undefined;
}
