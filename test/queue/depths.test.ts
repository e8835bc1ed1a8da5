import { afterEach, beforeEach, expect, test } from "vitest";
import { depthOf, readDepths } from "../../src/queue/depths.ts";
import { readMeasurements, slotsOf } from "../../src/queue/measurements.ts";
import { startOwnRedis } from "../support/own-redis.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

async function look(queue = "default") {
  const depths = (await readDepths(world.broker)).find((one) => one.queue === queue);
  if (depths === undefined) throw new Error(`no queue ${queue}`);
  return depths;
}

/** As if it had been enqueued so many seconds ago. */
async function age(id: string, seconds: number, queue = "default"): Promise<void> {
  await world.broker.redis.hset(world.broker.keys.job(queue, id), "timestamp", Date.now() - 1000 * seconds);
}

test("an empty queue has no jobs and no ages", async () => {
  const { depths, paused } = await look();
  expect(paused).toBe(false);
  expect(depths.map(({ state }) => state)).toEqual([
    "waiting",
    "scheduled",
    "active",
    "waiting-children",
    "completed",
    "failed",
  ]);
  for (const { jobs, oldestAge } of depths) expect([jobs, oldestAge]).toEqual([0, null]);
});

test("the oldest of the waiting jobs counts, whether or not it has a priority", async () => {
  const first = await world.client.enqueue("test.echo", {});
  await world.client.enqueue("test.echo", {});
  await age(first.id, 50);
  expect(depthOf(await look(), "waiting")).toMatchObject({ jobs: 2 });
  expect(depthOf(await look(), "waiting").oldestAge).toBeGreaterThanOrEqual(50_000);
  expect(depthOf(await look(), "waiting").oldestAge).toBeLessThan(60_000);

  // Of the least priority, behind a younger one of it, and starving behind one that goes first.
  const [urgent, starving, later] = await Promise.all([
    world.client.enqueue("test.echo", {}, { priority: 1 }),
    world.client.enqueue("test.echo", {}, { priority: 9 }),
    world.client.enqueue("test.echo", {}, { priority: 9 }),
  ]);
  await age(urgent.id, 1);
  await age(starving.id, 100);
  await age(later.id, 2);
  expect(depthOf(await look(), "waiting")).toMatchObject({ jobs: 5 });
  expect(depthOf(await look(), "waiting").oldestAge).toBeGreaterThanOrEqual(100_000);
});

test("a delay is no wait; what is due and lies there is told", async () => {
  const job = await world.client.enqueue("test.echo", {}, { delay: "1h" });
  expect(depthOf(await look(), "scheduled")).toEqual({ state: "scheduled", jobs: 1, oldestAge: 0 });
  const due = (Date.now() - 30_000) * 0x1000;
  await world.broker.redis.zadd(world.broker.keys.job("default", "delayed"), due, job.id);
  const { oldestAge } = depthOf(await look(), "scheduled");
  expect(oldestAge).toBeGreaterThanOrEqual(30_000);
  expect(oldestAge).toBeLessThan(40_000);
});

test("a job that is tried again has not waited since it was enqueued", async () => {
  const job = await world.client.enqueue("test.echo", {});
  await age(job.id, 500);
  await world.broker.redis.hset(world.broker.keys.job("default", job.id), "processedOn", Date.now() - 3000);
  expect(depthOf(await look(), "waiting").oldestAge).toBeLessThan(10_000);
});

test("what others wrote wrongly has no age, and hides nothing else", async () => {
  const job = await world.client.enqueue("test.echo", {});
  await world.broker.redis.hset(
    world.broker.keys.job("default", job.id),
    "timestamp",
    "yesterday",
    "delay",
    "x",
  );
  expect(depthOf(await look(), "waiting")).toEqual({ state: "waiting", jobs: 1, oldestAge: null });
  await world.broker.redis.del(world.broker.keys.job("default", job.id));
  expect(depthOf(await look(), "waiting")).toEqual({ state: "waiting", jobs: 1, oldestAge: null });
});

test("running, ended and parked jobs, and a pause", async () => {
  await world.worker({ queues: ["default"], concurrency: 3 });
  const done = await world.client.enqueue("test.echo", {});
  await done.result({ timeout: "10s" });
  const bad = await world.client.enqueue("test.add", { numbers: [-1] });
  await bad.result({ timeout: "10s" }).catch(() => {});
  await world.client.enqueue("test.echo", { seconds: 60 });
  await world.client.enqueue("test.add", { numbers: [1], milliseconds: 60_000 });
  await eventually("two running jobs", async () => depthOf(await look(), "active").jobs === 2);
  const queue = await look();
  expect(depthOf(queue, "active").oldestAge).toBeGreaterThanOrEqual(0);
  expect(depthOf(queue, "completed").jobs).toBe(1);
  expect(depthOf(queue, "failed").jobs).toBe(1);
  await world.broker.queue("default").pause();
  expect((await look()).paused).toBe(true);
});

test("one look has memory, queues, workers and what they can run at once", async () => {
  await world.worker({ queues: ["ml", "default"], concurrency: 3, name: "one" });
  await world.worker({ queues: ["ml"], concurrency: 2, name: "two" });
  const seen = await readMeasurements(world.broker, 5000);
  expect(seen.memory.used).toBeGreaterThan(100_000);
  expect(seen.queues.map(({ queue }) => queue)).toEqual(["ml", "data", "default"]);
  expect(seen.workers.map(({ name, state }) => [name, state])).toEqual([
    ["one", "alive"],
    ["two", "alive"],
  ]);
  expect(slotsOf(seen.workers)).toEqual([
    { queue: "ml", slots: 5, active: 0 },
    { queue: "data", slots: 0, active: 0 },
    { queue: "default", slots: 3, active: 0 },
  ]);
  // Nobody can be counted on who is dead, stops, or is paused.
  const [one, two] = seen.workers;
  if (one === undefined || two === undefined) throw new Error("two workers");
  const paused = { ...two, queues: two.queues.map((queue) => ({ ...queue, paused: true })) };
  expect(slotsOf([{ ...one, state: "dead" }, paused])[0]?.slots).toBe(0);
});

test("a Redis that does not answer ends the look in time", async () => {
  const redis = await startOwnRedis();
  const own = await createWorld({ redisUrl: redis.url });
  redis.pause();
  await expect(readMeasurements(own.broker, 300)).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
  redis.resume();
  await own.close();
  await redis.remove();
});
