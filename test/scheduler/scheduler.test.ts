import { Queue } from "bullmq";
import { afterEach, beforeEach, expect, test } from "vitest";
import * as z from "zod";
import { type Client, createClient } from "#client";
import { createCatalogue, defineTask, type ScheduleOptions, type TasksOf } from "#task";
import { createLogger } from "../../src/observe/logger.ts";
import { hasScheduler } from "../../src/queue/lease.ts";
import type { SchedulerObserver } from "../../src/scheduler/observer.ts";
import { createScheduler, type SchedulerOptions } from "../../src/scheduler/scheduler.ts";
import { startScheduler } from "../support/scheduler.ts";
import { createWorld, eventually, type RunningWorker, type World } from "../support/world.ts";

let world: World;
let client: Client<TasksOf<ReturnType<typeof catalogueOf>>>;
const running: RunningWorker[] = [];
beforeEach(async () => {
  world = await createWorld();
  client = createClient({ redis: world.redis, catalogue: catalogueOf() });
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
  await client.close();
  await world.close();
});

const tick = "test.tick";

function catalogueOf(...schedules: ScheduleOptions<{ text?: string }>[]) {
  return createCatalogue([
    defineTask({
      name: tick,
      queue: "default",
      input: z.strictObject({ text: z.string().default("tick") }),
      output: z.string(),
      run: async ({ text }) => text,
      schedules,
    }),
  ]);
}

async function schedule(
  catalogue: ReturnType<typeof catalogueOf>,
  options: Partial<SchedulerOptions> = {},
): Promise<RunningWorker> {
  const scheduler = await startScheduler(world, { catalogue, ...options });
  running.push(scheduler);
  return scheduler;
}

/** The jobs that schedules made, by their ids. */
async function jobIds(): Promise<string[]> {
  const { redis, shards } = world.broker;
  const ids = await redis.lrange(shards[0].keys.of("default", "wait"), 0, -1);
  return ids.filter((id) => id.includes("~")).sort();
}

/** Sets a schedule's next time as if no scheduler had run since; `score` is its place in the index. */
async function setNext(name: string, time: number, score: number | string = time): Promise<void> {
  const { redis, keys } = world.broker;
  await redis
    .multi()
    .hset(keys.schedule(name), "next", time, "due", time)
    .zadd(keys.schedules, score, name)
    .exec();
}

const firedTimes = async () => (await jobIds()).map((id) => id.slice(id.indexOf("~") + 1));
const nameOf = (time: number) => new Date(time).toISOString().replaceAll(/[-:]|\.000/g, "");

test("declared with its task, fired by the scheduler, run by a worker", async () => {
  const catalogue = catalogueOf({ every: "1s", input: { text: "tock" }, tags: ["timed"], priority: 2 });
  await world.worker({ catalogue });
  await schedule(catalogue);
  const last = await eventually("it fired", async () => (await client.schedules.get(tick)).last ?? false);
  const job = await client.get(last.job.id);
  expect(await job.result({ timeout: "10s" })).toBe("tock");
  expect(await job.snapshot()).toMatchObject({
    tags: ["timed"],
    metadata: { schedule: { name: tick, at: last.at.toISOString() } },
  });
  expect(last.at.getTime() % 1000).toBe(0);
});

test("Redis is made equal to the declaration, and what others made is left alone", async () => {
  const first = await schedule(catalogueOf({ name: "a", every: "1h" }, { name: "b", every: "1h" }));
  await client.schedules.create(tick, { name: "made", every: "2h" });
  const foreign = new Queue("default", { connection: world.broker.redis, prefix: world.prefix });
  await foreign.upsertJobScheduler("foreign", { every: 3_600_000 }, { name: tick, data: {} });
  const before = await client.schedules.get("b");
  await first.stop();

  await schedule(
    catalogueOf(
      { name: "b", every: "1h", description: "new", input: { text: "other" } },
      { name: "c", cron: "0 2 * * *" },
    ),
  );
  const names = (await client.schedules.list()).map(({ name, origin }) => `${name} ${origin}`);
  expect(names).toEqual(["b declared", "c declared", "made made"]);
  const after = await client.schedules.get("b");
  expect(after).toMatchObject({ description: "new", input: { text: "other" }, next: before.next });
  expect(await foreign.getJobScheduler("foreign")).toMatchObject({ every: 3_600_000 });
  await foreign.close();
});

test("a change of the timing reckons the next time anew; a pause stays", async () => {
  const first = await schedule(catalogueOf({ name: "a", every: "1h" }, { name: "b", every: "1h" }));
  await client.schedules.pause("b", { by: "somebody", note: "for now" });
  await first.stop();
  await schedule(catalogueOf({ name: "a", every: "1d" }, { name: "b", every: "1d" }));
  const [a, b] = await client.schedules.list();
  expect((a?.next?.getTime() ?? 1) % 86_400_000).toBe(0);
  expect(b).toMatchObject({
    next: null,
    paused: { by: "somebody", note: "for now" },
    timing: { every: 86_400_000 },
  });
});

test("what somebody removed or changed by hand is back within the minute", async () => {
  await schedule(catalogueOf({ name: "a", every: "1h" }));
  const { redis, keys } = world.broker;
  await redis.del(keys.schedule("a"));
  await redis.zrem(keys.schedules, "a");
  const back = await eventually("it is back", () => client.schedules.get("a").catch(() => false as const));
  expect(back.next).not.toBeNull();
  await redis.zadd(keys.schedules, 1, "a name without a schedule");
  await eventually(
    "that is forgotten",
    async () => (await redis.zscore(keys.schedules, "a name without a schedule")) === null,
  );
  await redis.zrem(keys.schedules, "a");
  await eventually("it is in the index", async () => (await redis.zscore(keys.schedules, "a")) !== null);
});

test("a declared schedule gives way to a made one of its name", async () => {
  await client.schedules.create(tick, { name: "a", every: "2h" });
  await schedule(catalogueOf({ name: "a", every: "1h" }));
  expect(await client.schedules.get("a")).toMatchObject({ origin: "made", timing: { every: 7_200_000 } });
});

test("a call that nobody could make stops the start", async () => {
  const catalogue = catalogueOf({ every: "1h", priority: 12 });
  await expect(startScheduler(world, { catalogue })).rejects.toMatchObject({
    code: "TASK_INVALID",
    field: "schedule.priority",
    value: 12,
  });
});

test("it may be stopped before it started, and twice", async () => {
  const logger = await createLogger({ level: "silent", format: "json" });
  const scheduler = createScheduler({ broker: world.broker, logger, catalogue: catalogueOf() });
  await scheduler.stop();
  await scheduler.stop();
  expect(await hasScheduler(world.broker)).toBe(false);
  const started = await schedule(catalogueOf());
  expect(await hasScheduler(world.broker)).toBe(true);
  await started.stop();
  expect(await hasScheduler(world.broker)).toBe(false);
});

test("its limit ends a schedule, and so does its end", async () => {
  await schedule(
    catalogueOf(
      { name: "twice", every: "1s", limit: 2, overlap: "allow" },
      { name: "ended", every: "1s", end: new Date(Date.now() - 5000) },
    ),
  );
  await eventually("it has fired twice", async () => (await client.schedules.get("twice")).next === null);
  expect(await client.schedules.get("twice")).toMatchObject({ fired: 2, next: null });
  expect(await client.schedules.next("twice")).toEqual([]);
  expect(await client.schedules.get("ended")).toMatchObject({ fired: 0, next: null });
  expect(await jobIds()).toHaveLength(2);
});

test.each<[string, ScheduleOptions["missed"], number[]]>([
  ["skip", "skip", []],
  ["once", "once", [0]],
  ["within", { within: "150m" }, [2, 1, 0]],
])("missed while all was down, %s: only so many are made up for", async (_what, missed, hoursAgo) => {
  const catalogue = catalogueOf({ every: "1h", missed: missed ?? "once", overlap: "allow" });
  const first = await schedule(catalogue);
  await first.stop();
  const hour = 3_600_000;
  const lastHour = Date.now() - (Date.now() % hour);
  // The test does not depend on how far the present hour has got: nothing is punctual.
  await setNext(tick, lastHour - 5 * hour);
  await schedule(catalogue, { punctual: -1 });
  await eventually("it goes on", async () => {
    const { next } = await client.schedules.get(tick);
    return next !== null && next.getTime() > Date.now();
  });
  const within150 = Date.now() - lastHour <= 30 * 60_000 ? [2, 1, 0] : [1, 0];
  const expected = missed === "skip" || missed === "once" ? hoursAgo : within150;
  await eventually("all are made up for", async () => (await jobIds()).length === expected.length);
  expect(await firedTimes()).toEqual(expected.map((ago) => nameOf(lastHour - ago * hour)));
  expect(await client.schedules.get(tick)).toMatchObject({
    fired: expected.length,
    skipped: 6 - expected.length,
  });
});

test("overlap skip: no job while the earlier one has not ended", async () => {
  await schedule(catalogueOf({ every: "1s", overlap: "skip" }));
  await eventually("times are skipped", async () => (await client.schedules.get(tick)).skipped >= 2);
  expect(await jobIds()).toHaveLength(1);
  expect((await client.schedules.get(tick)).fired).toBe(1);
});

test("overlap queue: one waits for the end, the others are skipped", async () => {
  await schedule(catalogueOf({ every: "1s", overlap: "queue" }));
  const { skipped, last } = await eventually("one waits, others are skipped", async () => {
    const view = await client.schedules.get(tick);
    return view.skipped >= 1 && view.last !== null && { ...view, last: view.last };
  });
  expect(skipped).toBeGreaterThan(0);
  expect(await jobIds()).toHaveLength(1);
  await world.broker.queue("default").remove(last.job.id);
  const [next] = await eventually("the one that waited has its turn", async () => {
    const ids = await jobIds();
    return ids.length > 0 && ids;
  });
  expect(next).toBe(`${tick}~${nameOf(last.at.getTime() + 1000)}`);
  // It waited for the earlier job, not for the scheduler.
  expect((await client.schedules.get(tick)).lateness).toBe(0);
});

test("overlap cancel: the earlier job is cancelled", async () => {
  await schedule(catalogueOf({ every: "1s", overlap: "cancel" }));
  const ids = await eventually("it has fired twice", async () => {
    const found = await jobIds();
    return found.length >= 2 && found;
  });
  const states = await Promise.all(ids.map(async (id) => (await client.get(id)).state()));
  expect(new Set(states.slice(0, -1))).toEqual(new Set(["cancelled"]));
});

test("overlap allow: jobs pile up", async () => {
  await schedule(catalogueOf({ every: "1s", overlap: "allow" }));
  await eventually("several wait", async () => (await jobIds()).length >= 3);
  expect((await client.schedules.get(tick)).skipped).toBe(0);
});

test("a schedule that would never fire again is armed again, counted, told, and fires", async () => {
  const rearmed: string[] = [];
  const observer: SchedulerObserver = { rearmed: (found) => rearmed.push(found.schedule) };
  await schedule(catalogueOf({ every: "1h", missed: "once" }), { observer });
  await setNext(tick, Date.now() - (Date.now() % 3_600_000) - 18 * 3_600_000, "+inf");
  const view = await eventually("it is armed again", async () => {
    const found = await client.schedules.get(tick);
    return found.rearmed > 0 && found.fired > 0 && found;
  });
  expect(view.rearmed).toBe(1);
  expect(view.next?.getTime()).toBeGreaterThan(Date.now());
  expect(rearmed).toEqual([tick]);
});

test("what is observed: who acts, what fired and how late, what was skipped", async () => {
  const told: string[] = [];
  const observer: SchedulerObserver = {
    leader: (acts) => told.push(`leader ${acts}`),
    fired: ({ schedule: name }) => {
      told.push(`fired ${name}`);
      throw new Error("a metric that fails is no concern of the clock's");
    },
    late: ({ task, lateness }) => told.push(`late ${task} ${lateness > 0}`),
    skipped: ({ count, why }) => told.push(`skipped ${count} ${why}`),
  };
  const catalogue = catalogueOf({ every: "1d" });
  await (await schedule(catalogue)).stop();
  const day = 86_400_000;
  await setNext(tick, Date.now() - (Date.now() % day) - 2 * day);
  const second = await schedule(catalogue, { observer, punctual: -1 });
  await eventually("it fired", async () => (await client.schedules.get(tick)).last !== null);
  await second.stop();
  expect(told).toEqual([
    "leader true",
    "skipped 2 missed",
    `fired ${tick}`,
    `late ${tick} true`,
    "leader false",
  ]);
});

test("a hook puts headers into the calls, and one that refuses a call keeps none of the others", async () => {
  const catalogue = catalogueOf({ name: "good", every: "1s" }, { name: "bad", every: "1s", tags: ["bad"] });
  const refused: string[] = [];
  await schedule(catalogue, {
    observer: { skipped: ({ schedule: name, why }) => refused.push(`${name} ${why}`) },
    hooks: [
      {
        beforeEnqueue(call) {
          if (call.tags.includes("bad")) throw new Error("not this one");
          call.headers["from"] = "the scheduler";
        },
      },
    ],
  });
  const [id = ""] = await eventually("the good one fired", async () => {
    const ids = await jobIds();
    return ids.length > 0 && ids;
  });
  expect(id).toMatch(/^good~/);
  const data = JSON.parse(
    String(await world.broker.redis.hget(world.broker.keys.job("default", id), "data")),
  );
  expect(data.meta.headers).toEqual({ from: "the scheduler" });
  await eventually("the bad one is told of", () => refused.includes("bad refused"));
  expect((await client.schedules.get("bad")).last).toBeNull();
  expect(await world.broker.redis.hlen(world.broker.keys.scheduleFirings)).toBe(0);
});
