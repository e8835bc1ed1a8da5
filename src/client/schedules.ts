import type { ScheduleView } from "../queue/schedule-view.ts";
import type { TaskTypes } from "../task/catalogue.ts";
import type { ScheduleOptions } from "../task/schedule.ts";
import type { Backend, PlacedJob } from "./backend.ts";
import { createHandle, type JobHandle } from "./handle.ts";
import { through } from "./through.ts";

/** One time of a backfill and the job it has. */
export interface BackfilledTime {
  at: Date;
  job: { id: string; queue: string };
  /** The job was there already: the schedule had fired for this time. It is left as it is. */
  existing: boolean;
}

/** When tasks are called again and again. Those declared with a task are changed there; the others here. */
export interface Schedules<Tasks extends TaskTypes = TaskTypes> {
  /** All of them, by name. */
  list(): Promise<ScheduleView[]>;
  /** @throws LovageError `SCHEDULE_NOT_FOUND` */
  get(name: string): Promise<ScheduleView>;
  /**
   * The next times, without jitter; also those of a paused schedule, as if it were resumed now. Fewer where it ends.
   * @param count 1 to 1000, default 5
   * @throws LovageError `SCHEDULE_NOT_FOUND`, `INPUT_INVALID`
   */
  next(name: string, count?: number): Promise<Date[]>;
  /** It fires no more until it is resumed. @throws LovageError `SCHEDULE_NOT_FOUND` */
  pause(name: string, options?: { by?: string; note?: string }): Promise<ScheduleView>;
  /** What passed while it was paused is not made up for. @throws LovageError `SCHEDULE_NOT_FOUND` */
  resume(name: string): Promise<ScheduleView>;
  /**
   * Calls its task now, whatever its overlap policy says, and also while it is paused.
   * @param options.input instead of the schedule's own
   * @throws LovageError `SCHEDULE_NOT_FOUND`, `INPUT_INVALID`, and what enqueuing throws
   */
  run(name: string, options?: { input?: unknown }): Promise<JobHandle>;
  /**
   * Makes the jobs for the times of a range that has passed, both ends included: at most 1000. A time whose job is still
   * there gets no second one, so a backfill may be repeated.
   * @param options.dryRun only tells the times
   * @throws LovageError `SCHEDULE_NOT_FOUND`, `INPUT_INVALID`
   */
  backfill(
    name: string,
    options: { from: Date | string; to: Date | string; dryRun?: boolean },
  ): Promise<BackfilledTime[]>;
  /**
   * Makes a schedule. Its default name is the task's.
   * @throws LovageError `SCHEDULE_EXISTS`, `TASK_UNKNOWN`, `INPUT_INVALID`
   */
  create<Name extends keyof Tasks & string>(
    task: Name,
    options: ScheduleOptions<Tasks[Name]["input"]>,
  ): Promise<ScheduleView>;
  /**
   * Replaces all of what a made schedule says; it stays paused if it was, and its counts go on.
   * @throws LovageError `SCHEDULE_NOT_FOUND`, `SCHEDULE_DECLARED`, `INPUT_INVALID`
   */
  update(name: string, options: Omit<ScheduleOptions, "name">): Promise<ScheduleView>;
  /** Its jobs stay. @throws LovageError `SCHEDULE_NOT_FOUND`, `SCHEDULE_DECLARED` */
  remove(name: string): Promise<void>;
}

/** Schedules as a backend has them. */
export interface ScheduleAccess extends Omit<Schedules, "run"> {
  run(name: string, options: { input?: unknown }): Promise<PlacedJob>;
}

const methods = {
  list: true,
  get: true,
  next: true,
  pause: true,
  resume: true,
  run: true,
  backfill: true,
  create: true,
  update: true,
  remove: true,
} satisfies Record<keyof Schedules, true>;

export function createSchedules<Tasks extends TaskTypes>(backend: () => Promise<Backend>): Schedules<Tasks> {
  return {
    ...through<ScheduleAccess>(methods, async () => (await backend()).schedules),
    async run(name, options = {}) {
      const { schedules, jobs } = await backend();
      return createHandle(jobs, await schedules.run(name, options));
    },
  };
}
