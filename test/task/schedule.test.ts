import { expect, test } from "vitest";
import * as z from "zod";
import { createCatalogue, defineRayTask, defineTask, defineWorkflow, type ScheduleOptions } from "#task";

const common = {
  name: "a.b",
  queue: "default",
  input: z.strictObject({ n: z.number().default(1) }),
  output: z.number(),
} as const;
const scheduled = (schedule: ScheduleOptions<{ n?: number }>) =>
  defineTask({ ...common, run: async ({ n }) => n, schedule });

test("a schedule has defaults, and the name of its task", () => {
  const [schedule] = scheduled({ every: "5m" }).schedules;
  expect(schedule).toEqual({
    name: "a.b",
    description: "",
    timing: { every: 300_000 },
    start: null,
    end: null,
    limit: null,
    jitter: 0,
    overlap: "skip",
    missed: "once",
    input: {},
    options: {},
  });
});

test("all of it can be said", () => {
  const [schedule] = scheduled({
    name: "nightly",
    cron: "0 2 * * *",
    timeZone: "Asia/Dhaka",
    start: "2026-01-01T00:00:00Z",
    end: new Date("2027-01-01T00:00:00Z"),
    limit: 3,
    jitter: "10m",
    overlap: "cancel",
    missed: { within: "6h" },
    input: { n: 2 },
    priority: 3,
    tags: ["x"],
    expires: "1h",
  }).schedules;
  expect(schedule).toMatchObject({
    timing: { cron: "0 2 * * *", timeZone: "Asia/Dhaka" },
    start: Date.parse("2026-01-01T00:00:00Z"),
    end: Date.parse("2027-01-01T00:00:00Z"),
    jitter: 600_000,
    missed: { within: 21_600_000 },
    input: { n: 2 },
    options: { priority: 3, tags: ["x"], expires: "1h" },
  });
});

test("Ray tasks and workflows have schedules, too, and a task may have several", () => {
  const schedules = [
    { name: "hourly", every: "1h" },
    { name: "daily", cron: "@daily", input: { n: 2 } },
  ] as const;
  const ray = defineRayTask({ ...common, program: "x.py", schedules });
  const workflow = defineWorkflow({ ...common, name: "a.c", run: async () => 1, schedule: { every: "1h" } });
  expect(ray.schedules.map(({ name }) => name)).toEqual(["hourly", "daily"]);
  expect(workflow.schedules.map(({ name }) => name)).toEqual(["a.c"]);
});

test.each<[string, string, object]>([
  ["neither timing", "every", {}],
  ["both timings", "every", { every: "1h", cron: "@daily" }],
  ["too short an interval", "every", { every: "10ms" }],
  ["no interval", "every", { every: "soon" }],
  ["a zone of an interval", "timeZone", { every: "1h", timeZone: "UTC" }],
  ["an empty expression", "cron", { cron: "" }],
  ["four fields", "cron", { cron: "* * * *" }],
  ["a minute that is none", "cron", { cron: "61 * * * *" }],
  ["a day that never comes", "cron", { cron: "0 0 31 2 *" }],
  ["a random minute", "cron", { cron: "H * * * *" }],
  ["an alias that is none", "cron", { cron: "@fortnightly" }],
  ["a zone that is none", "timeZone", { cron: "@daily", timeZone: "Mars/Olympus" }],
  ["an end before the start", "end", { every: "1h", start: "2026-01-02", end: "2026-01-01" }],
  ["a start that is none", "start", { every: "1h", start: "tomorrow" }],
  ["a limit of none", "limit", { every: "1h", limit: 0 }],
  ["jitter beyond the interval", "jitter", { every: "1m", jitter: "2m" }],
  ["an unknown overlap", "overlap", { every: "1h", overlap: "wait" }],
  ["an unknown missed", "missed", { every: "1h", missed: "all" }],
  ["an input that does not fit", "input.n", { every: "1h", input: { n: "two" } }],
  ["an option that calls do not have", "delay", { every: "1h", delay: "1m" }],
  ["a misspelt option", "everry", { everry: "1h" }],
  ["a bad name", "name", { every: "1h", name: "a b" }],
])("%s is refused at the definition", (_what, field, schedule) => {
  expect(() => scheduled(schedule as ScheduleOptions<object>)).toThrow(
    expect.objectContaining({ code: "TASK_INVALID", field: `schedule.${field}` }),
  );
});

test("what is wrong is said: the task, the field, the value, and what to do", () => {
  expect(() => scheduled({ cron: "0 2 * * *", timeZone: "Europe/Belrin" })).toThrow(
    expect.objectContaining({
      message: 'task a.b: schedule: timeZone is "Europe/Belrin"; use a name such as "Europe/Berlin" or "UTC"',
      value: "Europe/Belrin",
      hint: 'use a name such as "Europe/Berlin" or "UTC"',
    }),
  );
});

test("two schedules of one name do not come into a catalogue", () => {
  const other = defineTask({
    ...common,
    name: "a.c",
    run: async ({ n }) => n,
    schedule: { every: "1h", name: "a.b" },
  });
  expect(() => createCatalogue([scheduled({ every: "1h" }), other])).toThrow(
    expect.objectContaining({ code: "SCHEDULE_EXISTS", value: "a.b" }),
  );
});
