import { afterEach, beforeEach, expect, test } from "vitest";
import { createClient, type LovageError } from "#client";
import { type TestTasks, testCatalogue } from "../support/catalogue.ts";
import { startOwnRedis } from "../support/own-redis.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let redis: Awaited<ReturnType<typeof startOwnRedis>>;
let world: World;
beforeEach(async () => {
  redis = await startOwnRedis();
  world = await createWorld({ redisUrl: redis.url, client: { timeout: "400ms" } });
});
afterEach(async () => {
  redis.resume();
  await world.close();
  await redis.remove();
});

const refusal = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: LovageError) => error,
  );

test("a Redis that went away: enqueue fails in time, and nothing is sent when it is back", async () => {
  await world.client.enqueue("test.echo", {}, { id: "before" });
  await redis.stop();
  const begun = performance.now();
  const errors = await Promise.all([1, 2, 3].map(() => refusal(world.client.enqueue("test.echo", {}))));
  expect(performance.now() - begun).toBeLessThan(2000);
  for (const error of errors) expect(error).toMatchObject({ code: "REDIS_UNAVAILABLE", retryable: true });
  expect(errors[0]?.hint).not.toContain("idempotencyKey");
  await redis.restart();
  const after = await eventually("the connection's return", () =>
    world.client.enqueue("test.echo", {}, { id: "after" }).catch(() => undefined),
  );
  expect(await after.state()).toBe("waiting");
  const ids = await world.broker.queue("default").getJobs(["wait"]);
  expect(ids.map(({ id }) => id).toSorted()).toEqual(["after", "before"]);
});

test("a Redis that does not answer: the error says that the job may exist, and an id makes the repeat safe", async () => {
  await world.client.enqueue("test.echo", {}, { id: "before" });
  redis.pause();
  const error = await refusal(world.client.enqueue("test.echo", { text: "once" }, { idempotencyKey: "k" }));
  expect(error).toMatchObject({ code: "REDIS_UNAVAILABLE" });
  expect(error?.hint).toContain("idempotencyKey");
  redis.resume();
  const job = await eventually("Redis' return", () =>
    world.client.enqueue("test.echo", { text: "once" }, { idempotencyKey: "k" }).catch(() => undefined),
  );
  expect(await world.broker.queue("default").getJobCountByTypes("wait")).toBe(2);
  expect(await job.state()).toBe("waiting");
});

test("a step that was still to come when the caller was refused is not taken", async () => {
  await world.client.enqueue("test.echo", {}, { id: "before" });
  redis.pause();
  const error = await refusal(world.client.enqueue("test.echo", {}, { id: "late", idempotencyKey: "late" }));
  expect(error).toMatchObject({ code: "REDIS_UNAVAILABLE" });
  redis.resume();
  // The claim was on its way already; the job was not.
  await eventually("the claim", () =>
    world.broker.redis.exists(world.broker.keys.idempotency("test.echo", "late")).then(Boolean),
  );
  await world.client.enqueue("test.echo", {}, { id: "after" });
  await expect(world.client.get("late")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
});

test("a call that was on its way when Redis died is not sent to the Redis that comes after it", async () => {
  await world.client.enqueue("test.echo", {}, { id: "before" });
  redis.pause();
  const error = await refusal(world.client.enqueue("test.echo", {}, { id: "on-its-way" }));
  expect(error).toMatchObject({ code: "REDIS_UNAVAILABLE" });
  await redis.kill();
  await redis.restart();
  await eventually("the connection's return", () =>
    world.client.enqueue("test.echo", {}, { id: "after" }).catch(() => undefined),
  );
  await expect(world.client.get("on-its-way")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
});

test("a short absence is bridged: the call waits, and the job is made once", async () => {
  const client = createClient<TestTasks>({
    redis: { url: redis.url, prefix: world.prefix },
    catalogue: testCatalogue,
    timeout: "20s",
  });
  await client.enqueue("test.echo", {}, { id: "first" });
  await redis.stop();
  const waiting = client.enqueue("test.echo", {}, { id: "second" });
  await redis.restart();
  expect(await (await waiting).state()).toBe("waiting");
  await client.close();
});
