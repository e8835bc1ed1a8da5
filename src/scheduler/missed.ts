import type { MissedPolicy } from "../task/schedule.ts";
import { countTimes, lastTime, type Times, timesBetween } from "../task/schedule-times.ts";

/** Which of the times that are due is fired for, and how many are passed over. */
export interface MissedPlan {
  /** Null: none. */
  fire: number | null;
  skipped: number;
  /** The last time that this settles; the schedule goes on after it. */
  settled: number;
}

/** So many times are made up for at most, and counted at most where counting means reckoning each. */
const most = 1000;

/** A schedule whose next time is due. */
interface Due extends Times {
  next: number;
  jitter: number;
  missed: MissedPolicy;
}

/**
 * Decides for a schedule whose next time is due. A time counts as kept when it is at most `punctual` milliseconds late,
 * for another scheduler needs a moment to take over, and when no later one is due: two are never kept at once.
 */
export function planMissed(schedule: Due, now: number, punctual: number): MissedPlan {
  const { next, missed } = schedule;
  // Later times than this may be due only later, with their jitter.
  const last = Math.max(next, lastTime(schedule, next, now - schedule.jitter) ?? next);
  const isKept = now - schedule.jitter - last <= punctual;
  if (missed === "once" || (isKept && (missed === "skip" || next === last))) return only(schedule, last);
  if (missed === "skip")
    return { fire: null, skipped: countTimes(schedule, next, last, most), settled: last };
  const since = Math.max(next, Math.min(now - missed.within, isKept ? last : Number.POSITIVE_INFINITY));
  const within = since > last ? [] : timesBetween(schedule, since, last, most + 1);
  const [first] = within;
  if (first === undefined)
    return { fire: null, skipped: countTimes(schedule, next, last, most), settled: last };
  // More than can be made up for: only the last one is.
  if (within.length > most) return only(schedule, last);
  return { fire: first, skipped: countTimes(schedule, next, first - 1, most), settled: first };
}

function only(schedule: Due, time: number): MissedPlan {
  return { fire: time, skipped: countTimes(schedule, schedule.next, time - 1, most), settled: time };
}
