import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Client, createClient } from "#client";
import { catalogue, catalogueUrl, type IsolatedTasks } from "../../support/isolated-catalogue.ts";
import { createWorld, eventually, type World } from "../../support/world.ts";

let world: World;
let client: Client<IsolatedTasks>;
beforeEach(async () => {
  world = await createWorld();
  client = createClient<IsolatedTasks>({ redis: world.redis, catalogue });
});
afterEach(async () => {
  await client.close();
  await world.close();
});

const megabyte = 1024 * 1024;

function worker(settings: Parameters<World["worker"]>[0] = {}, limits: object = {}) {
  const isolation = { catalogueUrl, maxJobs: 100, maxMemory: 512 * megabyte, ...limits };
  return world.worker({ catalogue, queues: ["default"], isolation, ...settings });
}

/** What tasks wrote into the file of notes. */
function notes(): string[] {
  const file = join(world.datasetsDir, "notes");
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const pidOf = async (megabytes = 0) => {
  const job = await client.enqueue("isolated.pid", { megabytes });
  return (await job.result({ timeout: "20s" })) as { pid: number; born: number };
};

test("a process of its own, kept warm, given its dependencies, replaced after so many jobs, ended with the worker", async () => {
  const running = await worker({ concurrency: 1 }, { maxJobs: 2 });
  const first = await pidOf();
  expect(first.pid).not.toBe(process.pid);
  expect(first.born).toBe(first.pid);
  expect(await pidOf()).toEqual(first);
  const third = await pidOf();
  expect(third.pid).not.toBe(first.pid);
  expect(isAlive(first.pid)).toBe(false);
  await running.stop();
  expect(isAlive(third.pid)).toBe(false);
});

test("a process that holds too much memory after a job is replaced", async () => {
  await worker({ concurrency: 1 }, { maxMemory: 300 * megabyte });
  const first = await pidOf();
  expect((await pidOf(300)).pid).toBe(first.pid);
  expect((await pidOf()).pid).not.toBe(first.pid);
});

test("the context is the worker's own, called from the other process", async () => {
  await worker();
  const when = "2027-01-31T08:00:00Z";
  const options = { tags: ["x"], metadata: { for: "test" } };
  const job = await client.enqueue("isolated.context", { when }, options);
  expect(await job.result({ timeout: "20s" })).toMatchObject({
    when: true,
    remembered: "value",
    id: "called",
    refused: [true, "INPUT_INVALID"],
    queues: 3,
    job: { id: job.id, attempt: 1, attempts: 2, tags: ["x"], metadata: { for: "test" } },
    worker: "test-worker",
    folder: world.datasetsDir,
  });
  expect(await job.snapshot()).toMatchObject({ progress: { fraction: 0.5, message: "half" } });
  expect(await Array.fromAsync(job.logs())).toEqual(["a line"]);
  expect(await (await client.get("called")).result({ timeout: "20s" })).toMatchObject({
    pid: expect.any(Number),
  });
});

test("whatever ends the process fails the attempt, not the worker; what a task throws arrives as it was", async () => {
  await worker({ concurrency: 1 });
  const died = { code: "ISOLATED_RUN_DIED", retryable: true };
  for (const [how, error] of [
    ["exit", { ...died, message: "the process of the isolated task ended with exit code 3", value: "3" }],
    ["segfault", { ...died, value: "SIGSEGV" }],
    ["coded", { code: "MINE", message: "as I like", field: "how" }],
    ["plain", { code: "JOB_FAILED", message: "plain", stack: expect.stringContaining("isolated-catalogue") }],
    ["function", { code: "OUTPUT_INVALID" }],
  ] as const) {
    const job = await client.enqueue("isolated.ends", { how }, { attempts: 1 });
    await expect(job.result({ timeout: "20s" })).rejects.toMatchObject({ code: error.code });
    expect((await job.snapshot()).error).toMatchObject(error);
  }
  const again = await client.enqueue("isolated.ends", { how: "exit" });
  expect(await again.result({ timeout: "20s" })).toBe("attempt 2 after exit");
  const begun = Date.now();
  const asked = await client.enqueue("isolated.ends", { how: "retry" });
  expect(await asked.result({ timeout: "20s" })).toBe("attempt 2 after retry");
  expect(Date.now() - begun).toBeGreaterThanOrEqual(700);
});

test("a task that keeps the CPU busy for longer than the lock lasts is not run twice", async () => {
  await Promise.all([worker({ lockDuration: 1000, name: "a" }), worker({ lockDuration: 1000, name: "b" })]);
  const job = await client.enqueue("isolated.burns", { milliseconds: 4000 });
  expect(await job.result({ timeout: "20s" })).toBe("burnt");
  expect(notes()).toHaveLength(2);
  expect(await world.broker.redis.hget(world.broker.keys.job("default", job.id), "stc")).toBe(null);
});

test("a hard time limit and a cancellation end a task that hears nothing", async () => {
  await worker();
  const limited = await client.enqueue("isolated.burns", { milliseconds: 60_000 }, { timeLimit: "1s" });
  await expect(limited.result({ timeout: "10s" })).rejects.toMatchObject({ code: "TIME_LIMIT_EXCEEDED" });
  const cancelled = await client.enqueue("isolated.burns", { milliseconds: 60_000 });
  await eventually("it burns", () => notes().length === 2);
  const asked = Date.now();
  await cancelled.cancel("enough");
  await expect(cancelled.result({ timeout: "10s" })).rejects.toMatchObject({ code: "JOB_CANCELLED" });
  // One that heard would have been given two seconds.
  expect(Date.now() - asked).toBeLessThan(1900);
  await eventually("both processes are gone", () =>
    notes().every((line) => !isAlive(Number(line.replace("begin ", "")))),
  );
});

test("a soft time limit is heard in the process, with its reason; so is a shutdown", async () => {
  const running = await worker({ shutdownTimeout: 0 });
  const job = await client.enqueue("isolated.hears", {});
  expect(await job.result({ timeout: "10s" })).toBe("SOFT_TIME_LIMIT_EXCEEDED");
  const second = await client.enqueue("isolated.hears", {}, { softTimeLimit: "1m" });
  await eventually("it runs", () => notes().length === 3);
  await running.stop();
  expect(notes().at(-1)).toBe("heard WORKER_STOPPING");
  expect(await second.state()).toBe("waiting");
});

test("a process whose worker is killed ends, busy or not, and the job is run by another", async () => {
  const environment = {
    LOVAGE_TEST_CATALOGUE: catalogueUrl,
    WORKER_QUEUES: "default",
    WORKER_LOCK_DURATION: "1s",
  };
  const first = await world.workerProcess(environment);
  const busy = await client.enqueue("isolated.burns", { milliseconds: 30_000 });
  await eventually("it burns", () => notes().length === 1);
  const child = Number(notes()[0]?.replace("begin ", ""));
  await first.kill();
  await eventually("its process is gone", () => !isAlive(child), 10_000);
  await worker({ lockDuration: 1000 });
  await eventually("another worker runs it", () => notes().length === 2);
  await busy.cancel();
});

test("a catalogue that does not load is told", async () => {
  await worker({}, { catalogueUrl: "file:///nowhere/tasks.ts" });
  const job = await client.enqueue("isolated.pid", {}, { attempts: 1 });
  await expect(job.result({ timeout: "10s" })).rejects.toMatchObject({
    code: "ISOLATED_RUN_DIED",
    message: expect.stringContaining("/nowhere/tasks.ts"),
  });
});

test("a worker without a pool refuses isolated tasks", async () => {
  await world.worker({ catalogue, queues: ["default"] });
  const job = await client.enqueue("isolated.pid", {});
  await expect(job.result({ timeout: "10s" })).rejects.toMatchObject({ code: "TASK_INVALID" });
});
