/** What a worker says and leaves behind when it is told to stop, as its own process. */

import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { createClient, type JobHandle } from "#client";
import { freePort } from "../support/free-port.ts";
import { spawnLovage, startLovage } from "../support/lovage-process.ts";
import { startOwnRedis } from "../support/own-redis.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

interface Line {
  msg: string;
  job?: string;
  code?: string;
  seconds?: number;
  running?: { job: string; task: string; queue: string; seconds: number }[];
}

const linesOf = (output: string): Line[] =>
  output.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as Line] : []));

test("while it waits it names the jobs, and those that it hands back when the time is over", async () => {
  const worker = await world.workerProcess({ WORKER_SHUTDOWN_TIMEOUT: "6s", WORKER_LOCK_DURATION: "30s" });
  const ray = await world.client.enqueue("test.ray_echo", { seconds: 60 });
  const jobs = await world.client.enqueueMany(
    [2, 60].map((seconds) => ({ task: "test.echo", input: { seconds } }) as const),
  );
  const [short, long] = jobs;
  await eventually("the program runs", () => world.runs(ray.id).length === 1);
  await eventually("both run", async () => {
    const states = await Promise.all(jobs.map((job) => job.state()));
    return states[1] === "active";
  });
  const stopping = worker.stop();
  // What runs on Ray is nobody's to wait for.
  await eventually("the Ray job's is handed back", async () => (await ray.state()) === "waiting");
  expect(worker.process.exitCode).toBeNull();
  await stopping;
  expect(worker.process.exitCode).toBe(0);
  const lines = linesOf(worker.output());
  const waiting = lines.filter(({ msg }) => msg === "waiting for jobs to finish");
  expect(waiting).toHaveLength(1);
  expect(waiting[0]?.seconds).toBe(1);
  expect(waiting[0]?.running).toEqual([
    { job: long?.id, task: "test.echo", queue: "default", seconds: expect.any(Number) },
  ]);
  expect(waiting[0]?.running?.[0]?.seconds).toBeGreaterThanOrEqual(4);
  const over = lines.find(({ msg }) => msg.startsWith("the time to finish is over"));
  expect(over?.running?.map(({ job }) => job)).toEqual([long?.id]);
  const back = lines.filter(({ msg }) => msg === "handed back");
  expect(back.map(({ job, code }) => [job, code])).toEqual([
    [ray.id, "WORKER_STOPPING"],
    [long?.id, "WORKER_STOPPING"],
  ]);
  expect(await short?.state()).toBe("completed");
  expect(await long?.snapshot()).toMatchObject({ state: "waiting", attempt: 0 });
  await ray.cancel();
  await world.workerProcess();
  await eventually("the Ray job's is over", async () => (await ray.snapshot()).endedAt);
});

test("jobs that a stopping worker has fetched and not begun count neither as an attempt nor as a start", async () => {
  const worker = await world.workerProcess({ DEFAULT_CONCURRENCY: "4", WORKER_QUEUES: "default" });
  const jobs = await world.client.enqueueMany(
    Array.from({ length: 400 }, () => ({ task: "test.echo", input: {} }) as const),
  );
  await eventually(
    "some are done",
    async () => (await world.broker.queue("default").getCompletedCount()) > 20,
  );
  await worker.stop();
  const left = [];
  for (const job of jobs) {
    if ((await job.state()) === "completed") continue;
    const [starts, attempts, stalls] = await world.broker.redis.hmget(
      world.broker.keys.job("default", job.id),
      "ats",
      "atm",
      "stc",
    );
    left.push([Number(starts), Number(attempts), Number(stalls)].join(" "));
  }
  expect(left.length).toBeGreaterThan(0);
  expect(new Set(left)).toEqual(new Set(["0 0 0"]));
  expect(await world.broker.queue("default").getActiveCount()).toBe(0);
});

const environment = () => ({
  ...world.variables,
  RAY_ADDRESS: inject("rayAddress"),
  DASHBOARD_PASSWORD: "for the test",
});

test.each([["worker"], ["scheduler"], ["dashboard"]])(
  "%s: a TERM while it waits for Redis ends it at once",
  async (command) => {
    const away = `redis://127.0.0.1:${await freePort()}`;
    const child = spawnLovage([command], { ...environment(), REDIS_URL: away });
    await eventually("it waits", () => child.output().includes("waiting for Redis"));
    const told = Date.now();
    await child.stop();
    expect(child.process.exitCode).toBe(0);
    expect(Date.now() - told).toBeLessThan(10_000);
    expect(child.output()).toContain("SIGTERM before it was ready: stopped");
  },
);

test("a TERM at any moment of a worker's start is clean: nothing is taken and kept, and no name is left", async () => {
  // It publishes its tasks, for the client.
  await startLovage(["worker"], environment()).then((worker) => worker.stop());
  const client = createClient({ redis: world.redis });
  const jobs: JobHandle[] = [];
  let listened = 0;
  // Until it comes so late that the worker was ready.
  for (let after = 60, ready = false; !ready; after *= 1.4) {
    jobs.push(await client.enqueue("tasks.simple_tasks.ping", {}));
    const child = spawnLovage(["worker"], environment());
    const began = performance.now();
    await eventually("its moment", () => performance.now() - began > after);
    await child.stop();
    ready = child.output().includes('"msg":"ready"');
    // Before Node runs our first line nobody listens, and nothing was said.
    if (child.process.signalCode !== null) expect(child.output()).toBe("");
    else {
      listened += 1;
      expect(child.process.exitCode).toBe(0);
    }
    expect(await world.broker.queue("default").getActiveCount()).toBe(0);
    expect(await client.inspect.workers()).toEqual([]);
  }
  expect(listened).toBeGreaterThan(1);
  await startLovage(["worker"], environment()).then(async (worker) => {
    for (const job of jobs) await job.result({ timeout: "20s" });
    await worker.stop();
  });
  expect(await Promise.all(jobs.map(async (job) => (await job.snapshot()).attempt))).toEqual(
    jobs.map(() => 1),
  );
  await client.close();
});

test("a TERM after Redis went away in the middle of a start ends the process within seconds", async () => {
  const redis = await startOwnRedis();
  const own = await createWorld({ redisUrl: redis.url });
  try {
    const child = spawnLovage(["worker"], { ...environment(), ...own.variables });
    // The banner comes when Redis answered, and before the worker starts.
    await eventually("the banner", () => child.output().includes("[tasks]"));
    redis.pause();
    const told = Date.now();
    await child.stop();
    expect(Date.now() - told).toBeLessThan(20_000);
    expect([0, 1]).toContain(child.process.exitCode);
  } finally {
    redis.resume();
    await own.close();
    await redis.remove();
  }
});
