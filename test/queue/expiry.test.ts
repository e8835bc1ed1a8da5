import { afterEach, beforeEach, expect, test } from "vitest";
import { type ExpiryCursor, expireWaiting } from "../../src/queue/expiry.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const passed = () => new Date(Date.now() - 1000);

test("waiting jobs whose expiry has passed are expired, without a worker; others wait on", async () => {
  const { client, broker } = world;
  const expired = await client.enqueue("test.echo", {}, { expires: passed() });
  const second = await client.enqueue("test.echo", {}, { expires: passed(), priority: 4 });
  const later = await client.enqueue("test.echo", {}, { expires: "1h" });
  const lying = await client.enqueue("test.echo", { text: '"expiresAt":1' });
  const followed = await client.enqueue(
    "test.echo",
    {},
    { expires: passed(), onFailure: { task: "test.echo" } },
  );
  const cursor: ExpiryCursor = new Map();
  expect((await expireWaiting(broker.shards[0], "default", cursor)).sort()).toEqual(
    [expired.id, second.id].sort(),
  );
  for (const job of [expired, second]) {
    expect(await job.state()).toBe("expired");
    await expect(job.result({ timeout: "20s" })).rejects.toMatchObject({ code: "JOB_EXPIRED" });
  }
  for (const job of [later, lying, followed]) expect(await job.state()).toBe("waiting");
  expect((await client.deadLetters.list({ states: ["expired"] })).jobs).toHaveLength(2);
  await world.worker();
  await eventually(
    "a worker ends the one with a follower",
    async () => (await followed.state()) === "expired",
  );
  expect(await lying.result({ timeout: "10s" })).toMatchObject({ text: '"expiresAt":1' });
});

test("a job that was started, or is being taken, is left alone", async () => {
  const { client, broker } = world;
  const { redis, keys } = broker;
  const job = await client.enqueue("test.echo", {}, { expires: passed() });
  await redis.hset(keys.job("default", job.id), "ats", "1");
  expect(await expireWaiting(broker.shards[0], "default", new Map())).toEqual([]);
  expect(await job.state()).toBe("waiting");
});

test("a long queue is gone through in parts, the oldest first, and each call goes on where the last one ended", async () => {
  const { client, broker } = world;
  const calls = Array.from({ length: 2600 }, (_, index) => ({
    task: "test.echo" as const,
    input: {},
    options: { id: `job-${index}`, ...(index % 4 === 0 && { expires: passed() }) },
  }));
  await client.enqueueMany(calls);
  const cursor: ExpiryCursor = new Map();
  const first = await expireWaiting(broker.shards[0], "default", cursor);
  // It ends when it has ended five hundred, at the end of a part.
  expect(first.length).toBeGreaterThanOrEqual(500);
  expect(first.length).toBeLessThan(650);
  expect(first.slice(0, 3)).toEqual(["job-0", "job-4", "job-8"]);
  const second = await expireWaiting(broker.shards[0], "default", cursor);
  expect([...first, ...second].sort()).toEqual(
    calls.flatMap(({ options }, index) => (index % 4 === 0 ? [options.id] : [])).sort(),
  );
  expect(await broker.queue("default").count()).toBe(2600 - 650);
});
