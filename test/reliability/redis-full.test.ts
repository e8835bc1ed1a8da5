import { afterAll, beforeAll, expect, test } from "vitest";
import { startOwnRedis } from "../support/own-redis.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let redis: Awaited<ReturnType<typeof startOwnRedis>>;
let world: World;
beforeAll(async () => {
  redis = await startOwnRedis();
  world = await createWorld({ redisUrl: redis.url });
});
afterAll(async () => {
  await world.broker.redis.config("SET", "maxmemory", "0");
  await world.close();
  await redis.remove();
});

test("Redis is full: calls are refused, a worker that comes then works off what waits, and cancelling goes on", async () => {
  const waiting = await Promise.all(
    Array.from({ length: 10 }, (_, number) => world.client.enqueue("test.echo", { text: String(number) })),
  );
  const failing = await world.client.enqueue("test.echo", { end: "error" }, { attempts: 1 });
  const unwanted = await world.client.enqueue("test.echo", { seconds: 60 });
  await world.broker.redis.config("SET", "maxmemory", "1");

  const late = world.client.enqueue("test.echo", { text: "late" }, { id: "late" });
  await expect(late).rejects.toMatchObject({ code: "REDIS_FULL", field: "maxmemory", retryable: true });
  expect(await unwanted.cancel()).toBe("cancelled");

  const worker = await world.workerProcess();
  for (const job of waiting) expect(await job.result({ timeout: "30s" })).toMatchObject({ attempt: 1 });
  await expect(failing.result({ timeout: "30s" })).rejects.toMatchObject({ code: "JOB_FAILED" });
  await eventually("what was cancelled is dropped", async () => (await unwanted.state()) === "cancelled");
  expect(await world.client.inspect.ping()).toMatchObject({ answers: [{}] });
  expect(worker.output()).not.toContain('"level":50');

  await world.broker.redis.config("SET", "maxmemory", "0");
  const again = await world.client.enqueue("test.echo", { text: "late" }, { id: "late" });
  expect(await again.result({ timeout: "30s" })).toMatchObject({ text: "late" });
});
