import type { schedules } from "../../contract/schedules.ts";
import type { DashboardParts } from "../parts.ts";
import { given, type Handlers } from "./operation-types.ts";
import { requireCall, requireContinuations } from "./permissions.ts";

/** Tasks that are enqueued again and again. */
export function scheduleHandlers({ client }: DashboardParts): Handlers<keyof typeof schedules> {
  const { schedules: door } = client;
  return {
    async listSchedules() {
      return { schedules: await door.list() };
    },
    getSchedule: ({ params: { name } }) => door.get(name),
    async nextTimes({ params: { name }, query: { count } }) {
      return { times: await door.next(name, count) };
    },
    async createSchedule({ body: { task, ...options }, caller, header }) {
      requireCall(caller, { task, options });
      const schedule = await door.create(task, given(options));
      header("Location", `/api/v1/schedules/${encodeURIComponent(schedule.name)}`);
      return schedule;
    },
    async updateSchedule({ params: { name }, body, caller }) {
      requireContinuations(caller, body);
      caller.requireTask((await door.get(name)).task);
      return door.update(name, given(body));
    },
    removeSchedule: ({ params: { name } }) => door.remove(name),
    pauseSchedule: ({ params: { name }, body: { note }, caller: { name: by } }) =>
      door.pause(name, given({ by, note })),
    resumeSchedule: ({ params: { name } }) => door.resume(name),
    async runSchedule({ params: { name }, body, caller, header }) {
      if ("input" in body) caller.requireTask((await door.get(name)).task);
      const job = await door.run(name, body);
      header("Location", `/api/v1/jobs/${encodeURIComponent(job.id)}`);
      return job;
    },
    async backfillSchedule({ params: { name }, body }) {
      return { times: await door.backfill(name, given(body)) };
    },
  };
}
