import { afterEach, beforeEach, expect, inject, test } from "vitest";
import * as z from "zod";
import { createClient } from "#client";
import { createCatalogue, defineWorkflow, type TasksOf } from "#task";
import { createRayStops } from "../../src/queue/ray-stops.ts";
import { readRedisId } from "../../src/queue/redis-id.ts";
import { createRayUpkeep } from "../../src/ray/orphans.ts";
import { createRayClient } from "../../src/ray-client-http/index.ts";
import { add, testCatalogue } from "../support/catalogue.ts";
import { startScheduler } from "../support/scheduler.ts";
import { createWorld, eventually, type RunningWorker, type World } from "../support/world.ts";

let world: World;
const running: RunningWorker[] = [];
beforeEach(async () => {
  world = await createWorld();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
  await world.close();
});

/** What each step has done so far. */
async function schedule(options: Partial<Parameters<typeof startScheduler>[1]> = {}) {
  const done = new Map<string, number>();
  const observer = {
    upkeep: (step: string, count: number) => void done.set(step, (done.get(step) ?? 0) + count),
  };
  running.push(await startScheduler(world, { catalogue: testCatalogue, observer, ...options }));
  return done;
}

test("Ray jobs whose job is gone are stopped, though no worker lives", async () => {
  const worker = await world.workerProcess();
  const job = await world.client.enqueue("test.ray_echo", { seconds: 300 });
  await eventually("the program runs", () => world.runs(job.id).length === 1, 60_000);
  const submissionId = await world.submissionId(job.id);
  await worker.kill();
  await world.broker.queue("ml").obliterate({ force: true });

  const client = createRayClient({ address: inject("rayAddress") });
  const ray = createRayUpkeep({ default: client });
  const stops = createRayStops(world.broker);
  expect(await ray.stopOrphans("of another Redis", stops, async (jobs) => jobs.map(() => true))).toEqual([]);
  expect(await readRedisId(world.broker)).toBe(await readRedisId(world.broker));
  const done = await schedule({ ray });
  await eventually(
    "the Ray job is stopped",
    async () => (await client.get(submissionId)).status === "STOPPED",
    60_000,
  );
  await eventually("it is counted", () => done.get("reap") === 1);
  await eventually("nothing is left to stop", async () => (await stops.list()).length === 0);
  await Promise.all(running.splice(0).map((one) => one.stop()));
  await client.close();
}, 180_000);

test("a workflow that waits for a call that is gone goes on", async () => {
  const waits = defineWorkflow({
    name: "test.waits",
    queue: "default",
    input: z.strictObject({}),
    output: z.unknown(),
    run: (_input, { call }) => call(add, { numbers: [1] }, { delay: "1h" }),
  });
  const catalogue = createCatalogue([add, waits]);
  await world.worker({ catalogue });
  const client = createClient<TasksOf<typeof catalogue>>({ redis: world.redis, catalogue });
  const job = await client.enqueue("test.waits", {});
  await eventually("it waits for its call", async () => (await job.state()) === "waiting-children");
  const { redis, keys } = world.broker;
  await redis.del(keys.job("default", `${job.id}~0`));
  await redis.zrem(keys.job("default", "delayed"), `${job.id}~0`);
  const done = await schedule();
  await expect(job.result({ timeout: "10s" })).rejects.toMatchObject({ code: "CHILD_LOST" });
  await eventually("it is counted", () => done.get("sweep") === 1);
  await client.close();
});

test("expired jobs, old jobs and dead workers go", async () => {
  const { client, broker } = world;
  const worker = await world.worker();
  const old = await client.enqueue("test.echo", { text: "old" });
  await old.result({ timeout: "10s" });
  await worker.stop();
  const expired = await client.enqueue("test.echo", {}, { expires: new Date(Date.now() - 1000) });
  const beat = { host: "h", pid: 1, version: "", at: 0, startedAt: 0, queues: [], completed: 0, failed: 0 };
  const rest = { retried: 0, lag: 0, rss: 1, stopping: false };
  await broker.redis.hset(broker.keys.workers, "dead", `0 x ${JSON.stringify({ ...beat, ...rest })}`);
  const done = await schedule({ retention: { completed: 0, failed: 60_000 } });
  await eventually("it is expired", async () => (await expired.state()) === "expired");
  await eventually("the old one is removed", () =>
    client.get(old.id).then(
      () => false,
      () => true,
    ),
  );
  await eventually(
    "the worker is forgotten",
    async () => (await broker.redis.hlen(broker.keys.workers)) === 0,
  );
  const counts = () => ["expire", "trim", "forget-workers"].map((step) => done.get(step));
  await eventually("each is counted", () => counts().join() === "1,1,1");
  // The charts show both: what expired, and that queues were looked at.
  await eventually("the queues were looked at", async () => (await client.history()).total.waiting !== null);
  expect((await client.history({ task: "test.echo", queue: "default" })).total.expired).toBe(1);
  expect((await client.history({ queue: "default" })).total.expired).toBe(1);
});

test("a step that fails is told, and keeps none of the others", async () => {
  const failed = new Set<string>();
  const done = new Set<string>();
  const ray = {
    ...createRayUpkeep({ default: createRayClient({ address: "http://127.0.0.1:1" }) }),
    stopOrphans: () => Promise.reject(new Error("no cluster")),
  };
  await schedule({
    ray,
    observer: { upkeepFailed: (step) => failed.add(step), upkeep: (step) => done.add(step) },
  });
  await eventually("it failed and the others did not", () => failed.has("reap") && done.has("expire"));
  expect([...failed]).toEqual(["reap"]);
});
