import { createHash } from "node:crypto";
import { CronExpressionParser } from "cron-parser";

/** Either an interval in milliseconds or a cron expression with its time zone. */
export type Timing = { every: number } | { cron: string; timeZone: string };

/** When a schedule fires; all moments are milliseconds since 1970. */
export interface Times {
  timing: Timing;
  /** No time lies before it; intervals are counted from it. */
  start: number | null;
  /** No time lies after it. */
  end: number | null;
}

/** The first time after a moment; null when there is none. Intervals are counted from the start, or from 1970, so they do not drift. */
export function nextTime({ timing, start, end }: Times, after: number): number | null {
  const from = Math.max(after, (start ?? Number.NEGATIVE_INFINITY) - 1);
  const next = "every" in timing ? nextOfInterval(timing.every, start ?? 0, from) : nextOfCron(timing, from);
  return next === null || (end !== null && next > end) ? null : next;
}

/** The last time that is neither after `upTo` nor before `from`; null when there is none. */
export function lastTime(times: Times, from: number, upTo: number): number | null {
  const { timing, start, end } = times;
  const until = end === null ? upTo : Math.min(upTo, end);
  let last: number | null;
  if ("every" in timing) {
    const anchor = start ?? 0;
    last = anchor + Math.floor((until - anchor) / timing.every) * timing.every;
  } else last = lastOfCron(timing, until);
  const least = Math.max(from, start ?? Number.NEGATIVE_INFINITY);
  return last === null || last < least ? null : last;
}

/** The times from one moment to another, both included, the first ones first; at most so many. */
export function timesBetween(times: Times, from: number, to: number, most: number): number[] {
  const found: number[] = [];
  let at = nextTime(times, from - 1);
  while (at !== null && at <= to && found.length < most) {
    found.push(at);
    at = nextTime(times, at);
  }
  return found;
}

/** How many times there are from one moment to another, both included; counting stops at `most`. */
export function countTimes(times: Times, from: number, to: number, most: number): number {
  const { timing } = times;
  if (!("every" in timing)) return timesBetween(times, from, to, most).length;
  const first = nextTime(times, from - 1);
  const last = lastTime(times, from, to);
  if (first === null || last === null || last < first) return 0;
  return Math.min(most, (last - first) / timing.every + 1);
}

/** By how many milliseconds a time's job starts later: random, but always the same for one time of one schedule. */
export function jitterOf(name: string, at: number, jitter: number): number {
  if (jitter === 0) return 0;
  const hash = createHash("sha256").update(`${name}\n${at}`).digest();
  return Math.floor((hash.readUIntBE(0, 6) / 2 ** 48) * jitter);
}

function nextOfInterval(every: number, anchor: number, after: number): number {
  return anchor + (Math.floor((after - anchor) / every) + 1) * every;
}

/**
 * A time that the clock skips in spring is made up for an hour later; one that it shows twice in autumn counts once,
 * unless the expression means each hour. So cron-parser has it, and with it BullMQ.
 */
function nextOfCron({ cron, timeZone }: { cron: string; timeZone: string }, after: number): number | null {
  const parsed = CronExpressionParser.parse(cron, { tz: timeZone, currentDate: new Date(after) });
  try {
    return parsed.next().getTime();
  } catch {
    // It gave up looking: a day such as February 30th.
    return null;
  }
}

function lastOfCron(timing: { cron: string; timeZone: string }, upTo: number): number | null {
  const { cron, timeZone } = timing;
  const parsed = CronExpressionParser.parse(cron, { tz: timeZone, currentDate: new Date(upTo + 1) });
  let last: number;
  try {
    last = parsed.prev().getTime();
  } catch {
    return null;
  }
  // Backwards the parser sees the days of a clock change otherwise than forwards; forwards is what counts.
  let next = nextOfCron(timing, last - 1);
  while (next !== null && next <= upTo) {
    last = next;
    next = nextOfCron(timing, last);
  }
  return last;
}
