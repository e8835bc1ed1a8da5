import { afterAll, beforeAll, expect, test } from "vitest";
import { testCatalogue } from "../support/catalogue.ts";
import {
  createDashboardWorld,
  type DashboardSession,
  type DashboardWorld,
} from "../support/dashboard-world.ts";

let world: DashboardWorld;
let operator: DashboardSession;
beforeAll(async () => {
  world = await createDashboardWorld();
  // It publishes the tasks.
  await (await world.worker({ catalogue: testCatalogue, queues: ["data"] })).stop();
  await world.client.schedules.create("test.add", { name: "hourly", every: "1h", input: { numbers: [1] } });
  operator = await world.login("operator");
});
afterAll(() => world?.close());

const act = (rest: string, fields?: Record<string, string>) =>
  operator.post(`/schedules/hourly/${rest}`, fields);

test("the list and a schedule's own page tell when, what and how often", async () => {
  const viewer = await world.login("viewer");
  const list = await (await viewer.fetch("/schedules")).text();
  for (const part of ["hourly", "every 1h", "overlap: skip", "missed: once"]) expect(list).toContain(part);
  expect(list).not.toContain('<form class="inline"');
  const one = await (await viewer.fetch("/schedules/hourly")).text();
  const times = [...one.matchAll(/<li><time[^>]*datetime="([^"]+)"/g)].map(([, at]) => Date.parse(at ?? ""));
  expect(times).toHaveLength(5);
  expect((times[4] ?? 0) - (times[0] ?? 0)).toBe(4 * 3_600_000);
  expect((await viewer.fetch("/schedules/nope")).status).toBe(404);
});

test("paused by whom and why, and resumed; run now", async () => {
  const paused = await act("pause", { note: "not now" });
  expect([paused.status, paused.headers.get("location")]).toEqual([303, "/schedules"]);
  expect(await world.client.schedules.get("hourly")).toMatchObject({
    next: null,
    paused: { by: "operator", note: "not now" },
  });
  expect(await (await operator.fetch("/schedules")).text()).toContain("by operator: not now");
  await act("resume");
  expect((await world.client.schedules.get("hourly")).paused).toBeNull();
  await act("run");
  expect((await world.client.inspect.reserved({ queue: "default" })).map(({ task }) => task)).toEqual([
    "test.add",
  ]);
});

test("a backfill shows its times first, and makes each job once", async () => {
  const range = { from: "2026-01-01T00:00", to: "2026-01-01T02:00" };
  const shown = await operator.fetch(`/schedules/hourly/backfill?${new URLSearchParams(range)}`);
  const page = await shown.text();
  expect(page).toContain("2026-01-01 02:00:00 UTC");
  expect(page).toContain("Make 3 jobs");
  const waiting = async () => (await world.client.inspect.reserved({ queue: "default" })).length;
  const before = await waiting();
  await act("backfill", range);
  expect(await waiting()).toBe(before + 3);
  const again = await (
    await operator.fetch(`/schedules/hourly/backfill?${new URLSearchParams(range)}`)
  ).text();
  expect(again).toContain("has its job already");
  expect(again).not.toContain("Make ");
  expect((await act("backfill", { from: "yesterday", to: "" })).status).toBe(422);
});

test("made and removed by hand; what the form says wrongly is told", async () => {
  const form = {
    task: "test.echo",
    name: "mine",
    cron: "0 3 * * *",
    timeZone: "Europe/Berlin",
    input: '{"text":"hi"}',
  };
  const made = await operator.post("/schedules", {
    ...form,
    every: "",
    missed: "within",
    within: "2h",
    overlap: "queue",
    limit: "9",
  });
  expect([made.status, made.headers.get("location")]).toEqual([303, "/schedules/mine"]);
  expect(await world.client.schedules.get("mine")).toMatchObject({
    timing: { cron: "0 3 * * *", timeZone: "Europe/Berlin" },
    input: { text: "hi" },
    missed: { within: 7_200_000 },
    overlap: "queue",
    limit: 9,
    origin: "made",
  });
  const refused = async (fields: Record<string, string>) => {
    const answer = await operator.post("/schedules", { ...form, ...fields });
    return [answer.status, await answer.text()];
  };
  expect(await refused({})).toEqual([409, expect.stringContaining("SCHEDULE_EXISTS")]);
  expect(await refused({ name: "x", input: "{text}" })).toEqual([
    422,
    expect.stringContaining("the input is no JSON"),
  ]);
  expect(await refused({ name: "x", cron: "61 * * * *" })).toEqual([422, expect.stringContaining("cron")]);
  expect((await operator.post("/schedules/mine/remove")).headers.get("location")).toBe("/schedules");
  expect((await world.client.schedules.list()).map(({ name }) => name)).toEqual(["hourly"]);
});

test.each(["pause", "resume", "run", "backfill", "remove"])("a viewer may not %s", async (action) => {
  const viewer = await world.login("viewer");
  const before = await world.client.schedules.get("hourly");
  expect((await viewer.post(`/schedules/hourly/${action}`)).status).toBe(403);
  expect((await viewer.post("/schedules", { task: "test.echo", every: "1h" })).status).toBe(403);
  expect(await world.client.schedules.get("hourly")).toEqual(before);
});
