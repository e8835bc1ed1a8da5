import { afterEach, expect, inject, test } from "vitest";
import { createClient } from "#client";
import { freePort } from "../support/free-port.ts";
import { startOwnRedis } from "../support/own-redis.ts";
import { createWorld, eventually, type WorldOptions } from "../support/world.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Answer {
  status: number;
  why: Record<string, string>;
}

async function start(options: WorldOptions = {}, environment: Record<string, string> = {}) {
  const world = await createWorld(options);
  closing.push(world.close);
  const port = await freePort();
  const catalogue = new URL("../support/blocking-catalogue.ts", import.meta.url).href;
  const worker = await world.workerProcess({
    HEALTH_PORT: String(port),
    WORKER_QUEUES: "default",
    LOVAGE_TEST_CATALOGUE: catalogue,
    ...environment,
  });
  const client = createClient({ redis: world.redis });
  closing.push(client.close);
  const ask = async (path: string, timeout = 3000): Promise<Answer> => {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, {
      signal: AbortSignal.timeout(timeout),
    });
    const { checks } = (await response.json()) as { checks: Record<string, { ok: boolean; why: string }> };
    const faults = Object.entries(checks).filter(([, check]) => !check.ok);
    return { status: response.status, why: Object.fromEntries(faults.map(([name, { why }]) => [name, why])) };
  };
  return { world, worker, client, ask };
}

test("a blocked event loop: probes get no answer, then a 503, and later all is well again", async () => {
  const { client, ask } = await start({}, { WORKER_LOCK_DURATION: "30s" });
  expect(await ask("livez")).toEqual({ status: 200, why: {} });
  const job = await client.enqueue("test.block", { seconds: 6 });
  await eventually("a probe without an answer", () =>
    ask("livez", 500).then(
      () => false,
      (error) => error.name === "TimeoutError",
    ),
  );
  const after = await eventually("an answer", () => ask("livez", 500).catch(() => undefined));
  expect(after.status).toBe(503);
  expect(after.why["event-loop"]).toMatch(/held up for \d\.\d s/);
  expect((await ask("readyz")).status).toBe(503);
  await job.result({ timeout: "10s" });
  await eventually("a worker that is well", async () => (await ask("livez")).status === 200);
});

test("a worker that is connected and takes nothing is dead to its probes; one that is busy or paused is not", async () => {
  const { client, ask, world } = await start({}, { DEFAULT_CONCURRENCY: "2" });
  const queue = world.broker.queue("default");
  // BullMQ's own limit over all workers, which Lovage never sets: nothing is fetched, though nothing is paused.
  await queue.setGlobalConcurrency(0);
  const call = (seconds: number) => ({ task: "test.nap", input: { seconds } });
  const jobs = await client.enqueueMany([call(0), call(0)]);
  const stuck = await eventually("a worker that is stuck", async () => {
    const answer = await ask("livez");
    return answer.status === 503 && answer;
  });
  expect(stuck.why["worker"]).toBe("it takes no jobs from default, though jobs wait and it has free slots");
  expect((await ask("readyz")).why).toHaveProperty("worker");
  await queue.pause();
  expect((await ask("livez")).status).toBe(200);
  await queue.resume();
  expect((await ask("livez")).status).toBe(503);

  await queue.removeGlobalConcurrency();
  for (const job of jobs) await job.result({ timeout: "30s" });
  expect(await ask("livez")).toEqual({ status: 200, why: {} });

  // With both slots taken others may wait as long as they like.
  const busy = await client.enqueueMany([call(14), call(14), call(0)]);
  await eventually("a job that waits for long", async () => {
    const [, , last] = await Promise.all(busy.map((job) => job.snapshot()));
    return last?.state === "waiting" && Date.now() - last.enqueuedAt.getTime() > 12_000;
  });
  expect((await ask("livez")).status).toBe(200);
});

test("without Redis a worker is alive and not ready: to start it again would not help", async () => {
  const redis = await startOwnRedis();
  closing.push(redis.remove);
  const { ask } = await start({ redisUrl: redis.url });
  expect((await ask("readyz")).status).toBe(200);

  redis.pause();
  const silent = await ask("readyz");
  expect(silent.status).toBe(503);
  expect(silent.why["redis"]).toMatch(/no answer in 1000 ms/);
  expect(JSON.stringify(silent)).not.toContain(redis.password);
  expect((await ask("livez")).status).toBe(200);
  redis.resume();
  await eventually("a worker that is ready", async () => (await ask("readyz")).status === 200);

  await redis.stop();
  await eventually("a worker without Redis", async () =>
    (await ask("readyz")).why["redis"]?.startsWith("there is no"),
  );
  expect((await ask("livez")).status).toBe(200);
  await redis.restart();
  await eventually("a worker that is ready", async () => (await ask("readyz")).status === 200);
});

test("a worker that stops is alive and not ready until it is gone", async () => {
  const { client, ask, worker } = await start();
  const job = await client.enqueue("test.nap", { seconds: 3 });
  await eventually("a running job", async () => (await job.snapshot()).state === "active");
  const stopped = worker.stop();
  const stopping = await eventually("a worker that stops", async () => {
    const answer = await ask("readyz");
    return answer.status === 503 && answer;
  });
  expect(stopping.why["stage"]).toBe("the process is stopping");
  expect((await ask("livez")).status).toBe(200);
  await stopped;
  await expect(ask("livez")).rejects.toThrow();
});

test("it is seen alive while it waits for Redis at its start", async () => {
  const redis = await startOwnRedis();
  closing.push(redis.remove);
  const world = await createWorld({ redisUrl: redis.url });
  closing.push(world.close);
  await redis.stop();
  const port = await freePort();
  const starting = world.workerProcess({ HEALTH_PORT: String(port) });
  const probe = async (path: string) => (await fetch(`http://127.0.0.1:${port}/${path}`)).status;
  await eventually("an answer", () =>
    probe("livez").then(
      (status) => status === 200,
      () => false,
    ),
  );
  expect(await probe("readyz")).toBe(503);
  await redis.restart();
  await starting;
  await eventually("a worker that is ready", async () => (await probe("readyz")) === 200);
});

test("a port that is taken ends the worker, which says so", async () => {
  const { world } = await start();
  const port = new URL(inject("redisUrl")).port;
  await expect(world.workerProcess({ HEALTH_PORT: port })).rejects.toThrow("PORT_TAKEN");
});
