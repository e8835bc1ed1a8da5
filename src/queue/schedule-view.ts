import type { MissedPolicy, OverlapPolicy } from "../task/schedule.ts";
import type { Timing } from "../task/schedule-times.ts";

export type { MissedPolicy, OverlapPolicy } from "../task/schedule.ts";

/** A schedule as operators look at it. */
export interface ScheduleView {
  /** Unique among all schedules. */
  name: string;
  task: string;
  queue: string;
  description: string;
  /** `declared`: with its task, and kept equal to that; `made`: by a client or an operator, and left alone. */
  origin: "declared" | "made";
  /** Either an interval in milliseconds or a cron expression with its time zone. */
  timing: Timing;
  starts: Date | null;
  ends: Date | null;
  /** How often it may fire in all; null: without end. */
  limit: number | null;
  /** Milliseconds by which a job may start later than its time, at random. */
  jitter: number;
  overlap: OverlapPolicy;
  missed: MissedPolicy;
  input: unknown;
  /** Null when it is paused or will not fire again. */
  next: Date | null;
  /** The last time for which it fired. */
  last: ScheduleRun | null;
  paused: { at: Date; by: string | null; note: string | null } | null;
  /** Times for which it fired. */
  fired: number;
  /** Times that passed without a job, for the overlap policy or because no scheduler ran. */
  skipped: number;
  /** Milliseconds by which the last job was enqueued late. */
  lateness: number;
  /** How often its next time was found in the past and it was armed again. */
  rearmed: number;
}

/** One firing of a schedule. */
export interface ScheduleRun {
  /** The time it was for. */
  at: Date;
  firedAt: Date;
  /** The job that was enqueued. */
  job: { id: string; queue: string };
}
