import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createClient } from "#client";
import type { TasksOf } from "#task";
import { createRayClient } from "../../src/ray-client-http/index.ts";
import { catalogue } from "../support/ray-runs.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
let client: ReturnType<typeof createClient<TasksOf<typeof catalogue>>>;
let ray: ReturnType<typeof createRayClient>;
beforeAll(async () => {
  world = await createWorld();
  client = createClient({ redis: world.redis, catalogue });
  ray = createRayClient({ address: inject("rayAddress") });
});
afterAll(async () => {
  await client.close();
  await ray.close();
  await world.close();
});

test("its result is the task's to use, its log and its record are the job's; a second one is refused", async () => {
  const worker = await world.worker({ catalogue });
  const job = await client.enqueue("runs.wrap", { text: "a" });
  const twice = await client.enqueue("runs.wrap", { text: "b", how: "twice" });
  const missing = await client.enqueue("runs.wrap", { text: "c", how: "missing" });
  expect(await job.result({ timeout: "1m" })).toEqual({ wrapped: { text: "a", attempt: 1 } });
  expect((await job.snapshot()).rayJob?.submissionId).toBe(await world.submissionId(job.id));
  expect(await Array.fromAsync(job.logs())).toContain("began a");
  await expect(twice.result({ timeout: "1m" })).rejects.toMatchObject({ code: "RAY_JOB_SECOND" });
  expect(world.runs(twice.id)).toHaveLength(1);
  await expect(missing.result({ timeout: "1m" })).rejects.toMatchObject({ code: "PROGRAM_MISSING" });
  await worker.stop();
});

test("cancelled, or left behind by its task, it is stopped on the cluster", async () => {
  const worker = await world.worker({ catalogue });
  const cancelled = await client.enqueue("runs.wrap", { text: "a", seconds: 120 });
  await eventually("the program runs", () => world.runs(cancelled.id).length > 0);
  await cancelled.cancel();
  await expect(cancelled.result({ timeout: "30s" })).rejects.toMatchObject({ code: "JOB_CANCELLED" });
  const left = await client.enqueue("runs.wrap", { text: "b", seconds: 120, how: "leave" });
  const early = await client.enqueue("runs.wrap", { text: "c", seconds: 120, how: "leave at once" });
  for (const job of [left, early]) expect(await job.result({ timeout: "30s" })).toBe("left");
  const statusOf = async (job: { id: string }) =>
    ray.get(await world.submissionId(job.id)).then(
      (rayJob) => rayJob.status,
      () => "never submitted",
    );
  for (const job of [cancelled, left])
    await eventually(`${job.id} is stopped`, async () => (await statusOf(job)) === "STOPPED");
  await eventually("the early one does not run", async () =>
    ["STOPPED", "never submitted"].includes(await statusOf(early)),
  );
  await worker.stop();
});

test("a soft time limit ends it", async () => {
  const worker = await world.worker({ catalogue });
  const job = await client.enqueue("runs.wrap", { text: "a", seconds: 120 }, { softTimeLimit: "6s" });
  await expect(job.result({ timeout: "40s" })).rejects.toMatchObject({ code: "SOFT_TIME_LIMIT_EXCEEDED" });
  const { rayJob } = await job.snapshot();
  await eventually(
    "it is stopped",
    async () => (await ray.get(rayJob?.submissionId ?? "")).status === "STOPPED",
  );
  await worker.stop();
});

test("a worker that stops hands the job back at once, and the next one finds the Ray job", async () => {
  const first = await world.worker({ catalogue, shutdownTimeout: 60_000 });
  const job = await client.enqueue("runs.wrap", { text: "a", seconds: 8 });
  await eventually("the program runs", () => world.runs(job.id).length > 0);
  const begun = Date.now();
  await first.stop();
  expect(Date.now() - begun).toBeLessThan(5000);
  const second = await world.worker({ catalogue });
  expect(await job.result({ timeout: "1m" })).toEqual({ wrapped: { text: "a", attempt: 1 } });
  expect(world.runs(job.id)).toHaveLength(1);
  await second.stop();
});

test("cancelled while no worker runs it, it is stopped by the next one", async () => {
  const first = await world.worker({ catalogue });
  const job = await client.enqueue("runs.wrap", { text: "a", seconds: 120 });
  await eventually("the program runs", () => world.runs(job.id).length > 0);
  await first.stop();
  expect(await job.cancel()).toBe("cancelled");
  const second = await world.worker({ catalogue });
  await expect(job.result({ timeout: "30s" })).rejects.toMatchObject({ code: "JOB_CANCELLED" });
  const id = await world.submissionId(job.id);
  await eventually("it is stopped", async () => (await ray.get(id)).status === "STOPPED");
  await second.stop();
});

test("a worker killed with -9: the next one runs the task again and finds its Ray job", async () => {
  const environment = {
    LOVAGE_TEST_DEPLOYMENT: fileURLToPath(new URL("../support/ray-runs.ts", import.meta.url)),
  };
  const first = await world.workerProcess(environment, "deployed-worker.ts");
  const job = await client.enqueue("runs.wrap", { text: "survives", seconds: 10 });
  await eventually("the program runs", () => world.runs(job.id).length > 0);
  await first.kill();
  const second = await world.workerProcess(environment, "deployed-worker.ts");
  expect(await job.result({ timeout: "90s" })).toEqual({ wrapped: { text: "survives", attempt: 1 } });
  expect(world.runs(job.id)).toHaveLength(1);
  await second.stop();
});
