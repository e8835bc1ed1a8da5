import * as z from "zod";
import { sharedOptions } from "./call-shapes.ts";
import { JobPlace } from "./job-shapes.ts";
import { operation } from "./operation.ts";
import { Anything, Duration, Moment, TaskName, whole } from "./shapes.ts";

export const ScheduleName = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,200}$/)
  .meta({ examples: ["nightly-report"] });

const Overlap = z.enum(["allow", "skip", "queue", "cancel"]);

export const ScheduleView = z
  .object({
    name: z.string(),
    task: z.string(),
    queue: z.string(),
    description: z.string(),
    origin: z.enum(["declared", "made"]),
    timing: z.union([z.object({ every: z.number() }), z.object({ cron: z.string(), timeZone: z.string() })]),
    starts: Moment.nullable(),
    ends: Moment.nullable(),
    limit: z.number().nullable(),
    jitter: z.number(),
    overlap: Overlap,
    missed: z.union([z.enum(["skip", "once"]), z.object({ within: z.number() })]),
    input: Anything,
    next: Moment.nullable(),
    last: z
      .object({ at: Moment, firedAt: Moment, job: z.object({ id: z.string(), queue: z.string() }) })
      .nullable(),
    paused: z.object({ at: Moment, by: z.string().nullable(), note: z.string().nullable() }).nullable(),
    fired: z.number(),
    skipped: z.number(),
    lateness: z.number(),
    rearmed: z.number(),
  })
  .meta({ id: "ScheduleView" });

const definition = {
  ...sharedOptions,
  expires: Duration.optional(),
  description: z.string().max(1000).optional(),
  every: Duration.optional().meta({ description: "Either this, from a second on, or `cron`" }),
  cron: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .meta({ description: "Five or six fields, seconds first", examples: ["0 3 * * *"] }),
  timeZone: z.string().min(1).max(100).optional().meta({ description: 'Of `cron`. Default "UTC"' }),
  start: Moment.optional().meta({ description: "No time lies before it" }),
  end: Moment.optional().meta({ description: "No time lies after it" }),
  limit: z
    .number()
    .int()
    .min(1)
    .max(1_000_000_000)
    .optional()
    .meta({ description: "How often it fires in all" }),
  jitter: Duration.optional(),
  input: Anything.optional().meta({ description: "Of its jobs. Default `{}`" }),
  overlap: Overlap.optional(),
  missed: z.union([z.enum(["skip", "once"]), z.strictObject({ within: Duration })]).optional(),
};

export const ScheduleDefinition = z
  .strictObject({
    task: TaskName,
    name: ScheduleName.optional().meta({ description: "Default: the task's name" }),
    ...definition,
  })
  .meta({
    id: "ScheduleDefinition",
    examples: [
      { task: "tasks.simple_tasks.ping", name: "ping-hourly", every: "1h" },
      {
        task: "tasks.simple_tasks.ping",
        name: "ping-at-night",
        cron: "0 3 * * *",
        timeZone: "Europe/Berlin",
      },
    ],
  });
/** Replaces all of what it says. */
export const ScheduleChange = z
  .strictObject(definition)
  .meta({ id: "ScheduleChange", examples: [{ every: "2h" }] });

const Name = z.strictObject({ name: ScheduleName });
const asked = ["TASK_UNKNOWN", "CATALOGUE_EMPTY", "RAY_CLUSTER_UNKNOWN", "DATA_TOO_LARGE"] as const;

export const schedules = {
  listSchedules: operation({
    summary: "All schedules, declared with their tasks or made",
    tag: "schedules",
    method: "get",
    path: "/schedules",
    scope: "read",
    status: 200,
    answer: z.object({ schedules: z.array(ScheduleView) }),
  }),
  getSchedule: operation({
    summary: "One schedule",
    tag: "schedules",
    method: "get",
    path: "/schedules/{name}",
    scope: "read",
    params: Name,
    status: 200,
    answer: ScheduleView,
    errors: ["SCHEDULE_NOT_FOUND"],
  }),
  nextTimes: operation({
    summary: "The next times at which a schedule fires",
    tag: "schedules",
    method: "get",
    path: "/schedules/{name}/next",
    scope: "read",
    params: Name,
    query: z.strictObject({ count: whole(1, 100).optional().meta({ description: "Default 5" }) }),
    status: 200,
    answer: z.object({ times: z.array(Moment) }),
    errors: ["SCHEDULE_NOT_FOUND"],
  }),
  createSchedule: operation({
    summary: "Make a schedule",
    description: "Needs the scope to enqueue its task as well.",
    tag: "schedules",
    method: "post",
    path: "/schedules",
    scope: "control",
    body: ScheduleDefinition,
    status: 201,
    answer: ScheduleView,
    errors: [...asked, "SCHEDULE_EXISTS"],
  }),
  updateSchedule: operation({
    summary: "Change a schedule that was made",
    description:
      "Those declared with their tasks are changed there. Needs the scope to enqueue its task as well.",
    tag: "schedules",
    method: "put",
    path: "/schedules/{name}",
    scope: "control",
    params: Name,
    body: ScheduleChange,
    status: 200,
    answer: ScheduleView,
    errors: [...asked, "SCHEDULE_NOT_FOUND", "SCHEDULE_DECLARED"],
  }),
  removeSchedule: operation({
    summary: "Remove a schedule that was made; its jobs stay",
    tag: "schedules",
    method: "delete",
    path: "/schedules/{name}",
    scope: "control",
    params: Name,
    status: 204,
    errors: ["SCHEDULE_NOT_FOUND", "SCHEDULE_DECLARED"],
  }),
  pauseSchedule: operation({
    summary: "Pause a schedule",
    tag: "schedules",
    method: "post",
    path: "/schedules/{name}/pause",
    scope: "control",
    params: Name,
    body: z.strictObject({ note: z.string().max(1000).optional() }),
    bodyOptional: true,
    status: 200,
    answer: ScheduleView,
    errors: ["SCHEDULE_NOT_FOUND"],
  }),
  resumeSchedule: operation({
    summary: "Let a paused schedule fire again",
    tag: "schedules",
    method: "post",
    path: "/schedules/{name}/resume",
    scope: "control",
    params: Name,
    status: 200,
    answer: ScheduleView,
    errors: ["SCHEDULE_NOT_FOUND"],
  }),
  runSchedule: operation({
    summary: "Enqueue a schedule's job now",
    description:
      "Whatever its overlap policy says. Another input needs the scope to enqueue its task as well.",
    tag: "schedules",
    method: "post",
    path: "/schedules/{name}/run",
    scope: "control",
    params: Name,
    body: z.strictObject({
      input: Anything.optional().meta({ description: "Instead of the schedule's own" }),
    }),
    bodyOptional: true,
    status: 201,
    answer: JobPlace,
    errors: [...asked, "SCHEDULE_NOT_FOUND"],
  }),
  backfillSchedule: operation({
    summary: "Enqueue the jobs of a schedule's times in a range that has passed, up to 1000",
    description: "A time whose job is still there gets no second one.",
    tag: "schedules",
    method: "post",
    path: "/schedules/{name}/backfill",
    scope: "control",
    params: Name,
    body: z.strictObject({ from: Moment, to: Moment, dryRun: z.boolean().optional() }),
    status: 200,
    answer: z
      .object({
        times: z.array(
          z.object({
            at: Moment,
            job: z.object({ id: z.string(), queue: z.string() }),
            existing: z.boolean().meta({ description: "The job was there already" }),
          }),
        ),
      })
      .meta({ id: "Backfilled" }),
    errors: [...asked, "SCHEDULE_NOT_FOUND"],
  }),
};
