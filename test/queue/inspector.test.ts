import { afterAll, beforeAll, expect, test } from "vitest";
import { createInspector } from "../../src/queue/inspector.ts";
import { createMemory } from "../../src/queue/memory.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

test("queues tell their depth, their oldest job and their workers", async () => {
  const inspector = createInspector(world.broker);
  await world.client.enqueue("test.echo", {});
  await world.client.enqueue("test.echo", {}, { priority: 5 });
  await world.client.enqueue("test.echo", {}, { delay: "1h" });
  const [ml, , queue] = await inspector.queues();
  expect(ml).toMatchObject({ queue: "ml", waiting: 0, oldestMilliseconds: null, workers: 0 });
  expect(queue).toMatchObject({
    queue: "default",
    waiting: 2,
    scheduled: 1,
    active: 0,
    failed: 0,
    workers: 0,
  });
  expect(queue?.oldestMilliseconds).toBeGreaterThanOrEqual(0);
  expect(queue?.oldestMilliseconds).toBeLessThan(60_000);
});

test("Redis tells its memory, its policy and its persistence", async () => {
  expect(await createInspector(world.broker).redis()).toMatchObject({
    policy: "noeviction",
    appendOnly: true,
    persistenceOk: true,
    usedBytes: expect.any(Number),
  });
});

test("ended jobs and their logs are removed by age; a dry run only counts", async () => {
  const inspector = createInspector(world.broker);
  await world.worker();
  const jobs = await Promise.all(
    ["result", "coded"].map((end) => world.client.enqueue("test.echo", { end, text: "x" })),
  );
  await Promise.allSettled(jobs.map((job) => job.result({ timeout: "10s" })));
  await eventually("the queue is empty", async () => (await inspector.queues())[2]?.waiting === 0);
  expect(await inspector.removeEnded(3_600_000, false)).toMatchObject({
    default: { completed: 0, failed: 0 },
  });
  const counted = await inspector.removeEnded(0, true);
  expect(counted["default"]).toMatchObject({ failed: 1 });
  expect(await inspector.removeLogs(0, true)).toBeGreaterThanOrEqual(2);
  expect(await inspector.removeLogs(0, false)).toBeGreaterThanOrEqual(2);
  expect(await inspector.removeLogs(0, false)).toBe(0);
  expect(await inspector.removeEnded(0, false)).toEqual(counted);
  await expect(world.client.get(jobs[0]?.id ?? "")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
});

test("a task's memory claims a key once, and forgets", async () => {
  const memory = createMemory(world.broker, "t");
  expect(await memory.claim("k", "mine", 60_000)).toBe(true);
  expect(await memory.claim("k", "yours", 60_000)).toBe(false);
  expect(await memory.get("k")).toBe("mine");
  await memory.forget("k");
  expect(await memory.get("k")).toBeUndefined();
});
