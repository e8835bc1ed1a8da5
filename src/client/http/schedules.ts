import { operations } from "../../contract/index.ts";
import { toExactMoment } from "../../core/moments.ts";
import type { ScheduleView } from "../../queue/schedule-view.ts";
import type { ScheduleOptions } from "../../task/schedule.ts";
import type { ScheduleAccess } from "../schedules.ts";
import type { Transport } from "./transport.ts";

/** Schedules over the HTTP API. Who paused one is told by the key, not by `by`. */
export function createScheduleAccess({ call }: Transport): ScheduleAccess {
  const named = (name: string) => ({ params: { name } });

  return {
    list: async () => (await call(operations.listSchedules, {})).schedules,
    get: (name) => call(operations.getSchedule, named(name)),
    next: async (name, count) =>
      (await call(operations.nextTimes, { ...named(name), query: { count } })).times,
    pause: (name, { note } = {}) =>
      call(operations.pauseSchedule, { ...named(name), body: { note } }, { repeatable: true }),
    resume: (name) => call(operations.resumeSchedule, named(name), { repeatable: true }),
    run: (name, options) => call(operations.runSchedule, { ...named(name), body: options }),
    backfill: async (name, { from, to, dryRun }) => {
      const body = { from: toExactMoment(from, "from"), to: toExactMoment(to, "to"), dryRun };
      // A time that has its job gets no second one.
      return (await call(operations.backfillSchedule, { ...named(name), body }, { repeatable: true })).times;
    },
    create: (task, options): Promise<ScheduleView> =>
      call(operations.createSchedule, { body: { task, ...toWire(options) } }),
    update: (name, options) => call(operations.updateSchedule, { ...named(name), body: toWire(options) }),
    remove: (name) => call(operations.removeSchedule, named(name)),
  };
}

/** By the API's schema, which knows moments as such only. */
function toWire({ start, end, tags, ...rest }: ScheduleOptions) {
  return {
    ...rest,
    ...(tags !== undefined && { tags: [...tags] }),
    ...(start !== undefined && { start: toExactMoment(start, "start") }),
    ...(end !== undefined && { end: toExactMoment(end, "end") }),
  };
}
