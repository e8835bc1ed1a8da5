import { afterEach, beforeEach, expect, test } from "vitest";
import * as z from "zod";
import { type Client, createClient } from "#client";
import { createCatalogue, defineTask, type TasksOf } from "#task";
import { startScheduler } from "../support/scheduler.ts";
import { createWorld, eventually, type RunningWorker, type World } from "../support/world.ts";

const catalogue = createCatalogue([
  defineTask({
    name: "test.tick",
    queue: "default",
    input: z.strictObject({ text: z.string().default("tick") }),
    output: z.string(),
    run: async ({ text }) => text,
    schedule: { name: "declared", every: "1h", description: "each hour", tags: ["timed"] },
  }),
]);

let world: World;
let client: Client<TasksOf<typeof catalogue>>;
let scheduler: RunningWorker;
beforeEach(async () => {
  world = await createWorld();
  client = createClient({ redis: world.redis, catalogue });
  scheduler = await startScheduler(world, { catalogue });
});
afterEach(async () => {
  await client.close();
  await scheduler.stop();
  await world.close();
});

const hour = 3_600_000;
const waiting = async () => {
  const { redis, keys } = world.broker;
  return (await redis.lrange(keys.job("default", "wait"), 0, -1)).sort();
};

test("a schedule as operators look at it", async () => {
  expect(await client.schedules.get("declared")).toEqual({
    name: "declared",
    task: "test.tick",
    queue: "default",
    description: "each hour",
    origin: "declared",
    timing: { every: hour },
    starts: null,
    ends: null,
    limit: null,
    jitter: 0,
    overlap: "skip",
    missed: "once",
    input: {},
    next: expect.any(Date),
    last: null,
    paused: null,
    fired: 0,
    skipped: 0,
    lateness: 0,
    rearmed: 0,
  });
});

test("its next times, also while it is paused", async () => {
  const times = await client.schedules.next("declared", 3);
  expect(times.map((time) => time.getTime() % hour)).toEqual([0, 0, 0]);
  expect((times[1]?.getTime() ?? 0) - (times[0]?.getTime() ?? 0)).toBe(hour);
  await client.schedules.pause("declared");
  expect(await client.schedules.next("declared", 3)).toEqual(times);
  await client.schedules.create("test.tick", { name: "thrice", every: "1h", limit: 3 });
  expect(await client.schedules.next("thrice", 100)).toHaveLength(3);
  await expect(client.schedules.next("declared", 0)).rejects.toMatchObject({
    code: "INPUT_INVALID",
    field: "count",
  });
});

test("a paused schedule does not fire; what passed meanwhile is not made up for", async () => {
  await client.schedules.create("test.tick", { name: "often", every: "1s", overlap: "allow" });
  const paused = await client.schedules.pause("often", { by: "me", note: "maintenance" });
  expect(paused).toMatchObject({ next: null, paused: { by: "me", note: "maintenance" } });
  const { fired } = await client.schedules.get("often");
  const before = Date.now();
  await eventually("three seconds are past", () => Date.now() - before > 3000);
  expect(await client.schedules.get("often")).toMatchObject({ fired, skipped: 0 });
  const resumed = await client.schedules.resume("often");
  expect(resumed.next?.getTime()).toBeGreaterThan(before + 3000);
  expect(resumed.paused).toBeNull();
  const { last } = await eventually("it fires again", async () => {
    const view = await client.schedules.get("often");
    return view.last !== null && view.last.at.getTime() > before + 1000 && { ...view, last: view.last };
  });
  expect(last.at.getTime()).toBeGreaterThanOrEqual(resumed.next?.getTime() ?? 0);
  expect((await client.schedules.get("often")).skipped).toBe(0);
  await client.schedules.resume("often");
});

test("run now calls the task, with the schedule's input or another, and also while it is paused", async () => {
  await world.worker({ catalogue });
  await client.schedules.pause("declared");
  const job = await client.schedules.run("declared");
  expect(await job.result({ timeout: "10s" })).toBe("tick");
  expect((await job.snapshot()).tags).toEqual(["timed"]);
  const other = await client.schedules.run("declared", { input: { text: "tock" } });
  expect(await other.result({ timeout: "10s" })).toBe("tock");
  expect((await client.schedules.get("declared")).fired).toBe(0);
  await expect(client.schedules.run("declared", { input: { text: 5 } })).rejects.toMatchObject({
    code: "INPUT_INVALID",
    field: "text",
  });
});

test("a backfill makes a job for each time of the range, once", async () => {
  const range = { from: "2026-01-01T00:00:00Z", to: "2026-01-01T03:30:00Z" };
  const dry = await client.schedules.backfill("declared", { ...range, dryRun: true });
  expect(dry.map(({ at }) => at.getUTCHours())).toEqual([0, 1, 2, 3]);
  expect(await waiting()).toEqual([]);
  const made = await client.schedules.backfill("declared", range);
  expect(made).toEqual(dry);
  expect(await waiting()).toEqual(made.map(({ job }) => job.id));
  const wider = await client.schedules.backfill("declared", { ...range, to: "2026-01-01T04:00:00Z" });
  expect(wider.map(({ existing }) => existing)).toEqual([true, true, true, true, false]);
  expect(await waiting()).toHaveLength(5);
  const job = await client.get(made[2]?.job.id ?? "");
  expect((await job.snapshot()).metadata).toEqual({
    schedule: { name: "declared", at: "2026-01-01T02:00:00.000Z" },
  });
});

test.each([
  ["from", { from: "yesterday", to: "2026-01-01" }],
  ["to", { from: "2026-01-02", to: "2026-01-01" }],
  ["to", { from: "2026-01-01", to: "2999-01-01" }],
  ["to", { from: "2000-01-01", to: "2026-01-01" }],
])("an absurd range of a backfill is refused: %s", async (field, range) => {
  await expect(client.schedules.backfill("declared", range)).rejects.toMatchObject({
    code: "INPUT_INVALID",
    field,
  });
});

test("a made schedule is made, fires at once when its time comes, is changed and removed", async () => {
  const made = await client.schedules.create("test.tick", {
    name: "mine",
    cron: "* * * * * *",
    timeZone: "Asia/Dhaka",
    overlap: "allow",
    priority: 3,
  });
  expect(made).toMatchObject({ name: "mine", origin: "made", task: "test.tick", fired: 0 });
  await eventually("it fires", async () => (await client.schedules.get("mine")).last !== null);
  const changed = await client.schedules.update("mine", { every: "1h", input: { text: "x" } });
  expect(changed).toMatchObject({ timing: { every: hour }, input: { text: "x" }, overlap: "skip" });
  expect((changed.next?.getTime() ?? 1) % hour).toBe(0);
  expect(changed.fired).toBeGreaterThan(0);
  await client.schedules.remove("mine");
  expect((await client.schedules.list()).map(({ name }) => name)).toEqual(["declared"]);
  const { redis, keys } = world.broker;
  expect(await redis.exists(keys.schedule("mine"))).toBe(0);
});

test.each<[string, string, object]>([
  ["the input", "input.text", { every: "1h", input: { text: 5 } }],
  ["a call option", "priority", { every: "1h", priority: 12 }],
  ["the timing", "cron", { cron: "nonsense" }],
  ["what comes after", "onSuccess.task", { every: "1h", onSuccess: { task: "no.such" } }],
])("a bad schedule is refused when it is made: %s", async (_what, field, options) => {
  const making = client.schedules.create("test.tick", { name: "bad", ...options });
  await expect(making).rejects.toMatchObject({ field });
  expect((await client.schedules.list()).map(({ name }) => name)).toEqual(["declared"]);
});

test("what is not there, there already, or another's is refused by name", async () => {
  const { schedules } = client;
  const missing = { code: "SCHEDULE_NOT_FOUND", hint: "did you mean declared?" };
  for (const call of [
    () => schedules.get("declare"),
    () => schedules.pause("declare"),
    () => schedules.resume("declare"),
    () => schedules.run("declare"),
    () => schedules.next("declare"),
    () => schedules.remove("declare"),
    () => schedules.update("declare", { every: "1h" }),
  ])
    await expect(call()).rejects.toMatchObject(missing);
  const declared = { code: "SCHEDULE_DECLARED", value: "declared" };
  await expect(schedules.update("declared", { every: "2h" })).rejects.toMatchObject(declared);
  await expect(schedules.remove("declared")).rejects.toMatchObject(declared);
  await expect(schedules.create("test.tick", { name: "declared", every: "2h" })).rejects.toMatchObject({
    code: "SCHEDULE_EXISTS",
  });
  await expect(schedules.create("test.tock" as never, { every: "2h" })).rejects.toMatchObject({
    code: "TASK_UNKNOWN",
  });
});

test("a client without a catalogue makes schedules by what the workers published", async () => {
  await world.worker({ catalogue });
  const plain = createClient({ redis: world.redis });
  const made = await plain.schedules.create("test.tick", { name: "plain", every: "1h" });
  expect(made.origin).toBe("made");
  await expect(
    plain.schedules.create("test.tick", { name: "bad", every: "1h", input: { text: 5 } }),
  ).rejects.toMatchObject({ code: "INPUT_INVALID", field: "input.text" });
  await plain.close();
});
