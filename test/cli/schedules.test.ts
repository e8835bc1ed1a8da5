import { expect, test, vi } from "vitest";
import type { Client, ScheduleView } from "../../src/client/index.ts";
import { LovageError } from "../../src/core/errors.ts";
import type { TaskTypes } from "../../src/task/catalogue.ts";
import { documentOf, lovage } from "./scripted-doors.ts";

type Schedules = Client<TaskTypes>["schedules"];

const view: ScheduleView = {
  name: "nightly",
  task: "a.b",
  queue: "ml",
  description: "each night",
  origin: "declared",
  timing: { cron: "0 2 * * *", timeZone: "Asia/Dhaka" },
  starts: null,
  ends: new Date("2030-01-01T00:00:00Z"),
  limit: 10,
  jitter: 90_000,
  overlap: "queue",
  missed: { within: 21_600_000 },
  input: { n: 1 },
  next: new Date("2026-01-02T20:00:00Z"),
  last: {
    at: new Date("2026-01-01T20:00:00Z"),
    firedAt: new Date("2026-01-01T20:01:00Z"),
    job: { id: "nightly~20260101T200000Z", queue: "ml" },
  },
  paused: null,
  fired: 3,
  skipped: 1,
  lateness: 60_000,
  rearmed: 1,
};
const run = (args: string[], schedules: Partial<Schedules> = {}, settings = {}) =>
  lovage(["schedules", ...args], { script: { schedules }, ...settings });

test.each([[[]], [["list"]]])("lovage schedules %j lists them", async (args) => {
  const paused = { ...view, name: "other", next: null, paused: { at: new Date(), by: null, note: null } };
  const list = async () => [view, { ...paused, timing: { every: 90_000 } }];
  const ended = await run(args, { list });
  expect(ended.code).toBe(0);
  for (const text of ["nightly", "0 2 * * * (Asia/Dhaka)", "2026-01-02 20:00:00Z", "every 90s", "paused"])
    expect(ended.stdout).toContain(text);
  const json = await run([...args, "--json"], { list });
  expect(documentOf(json)).toMatchObject({
    schedules: [{ name: "nightly", next: "2026-01-02T20:00:00.000Z" }, {}],
  });
});

test("without any it says what to start", async () => {
  const ended = await run([], { list: async () => [] });
  expect(ended.stdout).toBe("no schedules\n");
  expect(ended.stderr).toContain("lovage scheduler");
});

test("show tells all of one", async () => {
  const paused = { at: new Date("2026-01-02T00:00:00Z"), by: "me", note: "disk is full" };
  const ended = await run(["show", "nightly"], { get: async () => ({ ...view, next: null, paused }) });
  for (const text of [
    "declared with the task",
    "each night",
    "up to 90s later",
    "all of the last 6h are made up for",
    "2026-01-02 00:00:00Z by me: disk is full",
    "2026-01-01 20:00:00Z (1m 0s late)",
    "nightly~20260101T200000Z",
    "3 of 10",
    '{"n":1}',
  ])
    expect(ended.stdout).toContain(text);
});

test("next, pause, resume and run reach the client", async () => {
  const next = vi.fn(async () => [new Date("2026-01-02T20:00:00Z")]);
  expect((await run(["next", "nightly", "-n", "1"], { next })).stdout).toBe("2026-01-02 20:00:00Z\n");
  expect(next).toHaveBeenCalledWith("nightly", 1);
  const pause = vi.fn(async () => view);
  expect((await run(["pause", "nightly", "--note", "why"], { pause })).stdout).toContain("resume nightly");
  expect(pause).toHaveBeenCalledWith("nightly", { note: "why" });
  const resumed = await run(["resume", "nightly"], { resume: async () => view });
  expect(resumed.stdout).toBe("nightly fires again, next at 2026-01-02 20:00:00Z\n");
  const job = { id: "j1", task: "a.b", queue: "ml" };
  const called = vi.fn(async () => job as never);
  const ran = await run(["run", "nightly", "--input", '{"n": 2}', "--json"], { run: called });
  expect(documentOf(ran)).toEqual({ ...job, schedule: "nightly" });
  expect(called).toHaveBeenCalledWith("nightly", { input: { n: 2 } });
});

test("backfill lists the times and what became of each", async () => {
  const backfill = vi.fn(async () => [
    { at: new Date("2026-01-01T20:00:00Z"), job: { id: "x~1", queue: "ml" }, existing: true },
    { at: new Date("2026-01-02T20:00:00Z"), job: { id: "x~2", queue: "ml" }, existing: false },
  ]);
  const args = ["backfill", "nightly", "--from", "2026-01-01", "--to", "2026-01-03"];
  const ended = await run([...args, "--dry-run"], { backfill });
  expect(backfill).toHaveBeenCalledWith("nightly", { from: "2026-01-01", to: "2026-01-03", dryRun: true });
  expect(ended.stdout).toMatch(/x~1 +was there already\n.*x~2 +would be made/);
  expect((await run(args, { backfill })).stdout).toMatch(/x~2 +made/);
});

test("create passes on what was asked for, remove asks first", async () => {
  const create = vi.fn(async () => view);
  const flags = ["--cron", "0 2 * * *", "--time-zone", "Asia/Dhaka", "--missed", "6h", "--overlap", "queue"];
  const ended = await run(["create", "a.b", '{"n": 1}', "--name", "nightly", "--tag", "x", ...flags], {
    create,
  });
  expect(ended.stdout).toBe("made nightly; next at 2026-01-02 20:00:00Z\n");
  expect(create).toHaveBeenCalledWith("a.b", {
    name: "nightly",
    cron: "0 2 * * *",
    timeZone: "Asia/Dhaka",
    missed: { within: "6h" },
    overlap: "queue",
    tags: ["x"],
    input: { n: 1 },
  });
  const remove = vi.fn(async () => {});
  expect((await run(["remove", "nightly"], { remove })).code).toBe(2);
  expect(remove).not.toHaveBeenCalled();
  expect((await run(["remove", "nightly", "--yes", "--json"], { remove })).stdout).toContain('"removed"');
});

test.each([
  [["next", "nightly", "-n", "0"]],
  [["backfill", "nightly", "--from", "yesterday", "--to", "2026-01-01"]],
  [["backfill", "nightly"]],
  [["create", "a.b", "--overlap", "maybe"]],
  [["create", "a.b", "--missed", "maybe"]],
  [["run", "nightly", "--timeout", "5s"]],
  [["pauze", "nightly"]],
])("%j is wrong usage", async (args) => {
  expect((await run(args)).code).toBe(2);
});

test("an error of the client is told with its hint", async () => {
  const get = () =>
    Promise.reject(
      new LovageError("SCHEDULE_NOT_FOUND", 'no schedule is named "nigthly"', {
        hint: "did you mean nightly?",
      }),
    );
  const ended = await run(["show", "nigthly"], { get });
  expect(ended.code).toBe(1);
  expect(ended.stderr).toBe(
    'error SCHEDULE_NOT_FOUND: no schedule is named "nigthly"\nhint: did you mean nightly?\n',
  );
});
