import type { schedules } from "../../contract/schedules.ts";
import type { DashboardParts } from "../parts.ts";
import type { Handlers } from "./operation-types.ts";

/** Tasks that are enqueued again and again. */
export function scheduleHandlers(_parts: DashboardParts): Handlers<keyof typeof schedules> {
  const absent = async () => {
    throw new Error("not yet");
  };
  return {
    listSchedules: absent,
    getSchedule: absent,
    nextTimes: absent,
    createSchedule: absent,
    updateSchedule: absent,
    removeSchedule: absent,
    pauseSchedule: absent,
    resumeSchedule: absent,
    runSchedule: absent,
    backfillSchedule: absent,
  };
}
