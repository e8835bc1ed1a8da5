import type { Logger } from "../observe/logger.ts";
import type { Broker } from "../queue/broker.ts";
import { type Decision, type Firing, latenessOf, settle, settleQueued } from "../queue/firing.ts";
import type { FiringPump } from "../queue/firing-pump.ts";
import type { ScheduleRecord } from "../queue/schedule-record.ts";
import { dueSchedules, nextDue, queuedSchedules, redisNow } from "../queue/schedules.ts";
import { planMissed } from "./missed.ts";
import type { SchedulerObserver } from "./observer.ts";
import { decideOverlap, isRunning } from "./overlap.ts";

export interface ClockworkParts {
  broker: Broker;
  pump: FiringPump;
  logger: Logger;
  observer: SchedulerObserver;
  /** Milliseconds by which a time may be late and still be kept. */
  punctual: number;
}

/** So many schedules are looked at between two looks at the clock. */
const atOnce = 100;

/** How long the clockwork sleeps at most: a wake-up may be lost. Milliseconds. */
const longestSleep = 30_000;

/** How often a time that waits looks whether the earlier job has ended, in milliseconds. */
const queuedLook = 1000;

/** A schedule that is due and could not be moved on must not keep the process busy. Milliseconds. */
const shortestSleep = 1000;

/**
 * Fires what is due, under one term of the lease.
 * @returns for how many milliseconds there is nothing to do
 */
export async function fireDue(parts: ClockworkParts, term: number): Promise<number> {
  const { broker } = parts;
  // What an earlier scheduler claimed and did not get to.
  let added = await addJobs(parts);
  const queued = await queuedSchedules(broker);
  for (const record of queued) await fireQueued(parts, term, record);
  if (queued.length > 0) added = await addJobs(parts);
  for (;;) {
    const now = await redisNow(broker);
    const due = await dueSchedules(broker, now, atOnce);
    const moved = await Promise.all(due.map((record) => fireOrTell(parts, term, record, now)));
    // For all of them at once, and before any of them is looked at again: what overlaps is told by its job.
    if (due.length > 0) added = await addJobs(parts);
    if (!moved.includes(true)) break;
  }
  const [next, now, waiting] = await Promise.all([
    nextDue(broker),
    redisNow(broker),
    queuedSchedules(broker),
  ]);
  if (!added) return shortestSleep;
  const until = Math.min(
    next === null ? longestSleep : next - now,
    waiting.length > 0 ? queuedLook : longestSleep,
  );
  return Math.min(longestSleep, Math.max(next !== null && next <= now ? shortestSleep : 1, until));
}

/** One that cannot be fired must not keep the others from their times. */
async function fireOrTell(
  parts: ClockworkParts,
  term: number,
  record: ScheduleRecord,
  now: number,
): Promise<boolean> {
  try {
    return await fireOne(parts, term, record, now);
  } catch (error) {
    parts.logger.error({ schedule: record.name, err: error }, "the schedule could not be fired");
    return false;
  }
}

async function fireOne(
  parts: ClockworkParts,
  term: number,
  record: ScheduleRecord,
  now: number,
): Promise<boolean> {
  const { broker, punctual, observer, logger } = parts;
  const { name, spec, next, paused } = record;
  // The index is wrong; the watchdog mends it.
  if (next === null || paused !== null) return false;
  const plan = planMissed({ ...spec, next }, now, punctual);
  const decision: Decision =
    plan.fire === null
      ? { ...plan, fire: null, queue: null }
      : await decideOverlap(broker, record, { ...plan, fire: plan.fire });
  if (!(await settle(broker, term, record, decision, now))) return false;
  const task = spec.target.name;
  const missed = plan.skipped;
  if (missed > 0) {
    observer.skipped?.({ schedule: name, task, count: missed, why: "missed" });
    logger.warn({ schedule: name, task, count: missed }, "times of the schedule passed without a job");
  }
  const overlapped = decision.skipped - missed;
  if (overlapped > 0) {
    observer.skipped?.({ schedule: name, task, count: overlapped, why: "overlap" });
    logger.info({ schedule: name, task, job: record.last?.id }, "skipped: the earlier job has not ended");
  }
  if (decision.fire === null) return true;
  tellFired(parts, record, decision.fire, latenessOf(record, decision.fire, now));
  return true;
}

async function fireQueued(parts: ClockworkParts, term: number, record: ScheduleRecord): Promise<void> {
  const { broker } = parts;
  const { queued, last, paused } = record;
  if (queued === null || paused !== null || (await isRunning(broker, last))) return;
  const now = await redisNow(broker);
  if (!(await settleQueued(broker, term, record, queued, now))) return;
  tellFired(parts, record, queued, 0);
}

function tellFired(parts: ClockworkParts, record: ScheduleRecord, at: number, lateness: number): void {
  const { name, spec } = record;
  const { observer, logger, punctual } = parts;
  const firing = { schedule: name, task: spec.target.name, at, lateness };
  observer.fired?.(firing);
  logger.info({ ...firing, at: new Date(at) }, "the schedule fired");
  if (lateness <= punctual) return;
  observer.late?.(firing);
  logger.warn({ ...firing, at: new Date(at) }, "the schedule fired late");
}

/** @returns whether all are added; what is left is tried again */
async function addJobs({ pump, logger, observer }: ClockworkParts): Promise<boolean> {
  const onRefused = (firing: Firing | undefined, id: string, error: unknown) => {
    logger.error({ schedule: firing?.name, job: id, err: error }, "the schedule's call is refused");
    if (firing === undefined) return;
    const { name: schedule, spec } = firing;
    observer.skipped?.({ schedule, task: spec.target.name, count: 1, why: "refused" });
  };
  try {
    await pump.pump(onRefused);
    return true;
  } catch (error) {
    logger.error({ err: error }, "jobs of schedules could not be added; they are tried again");
    return false;
  }
}
