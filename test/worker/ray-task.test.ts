import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createRayClient, type RayClient } from "../../src/ray-client-http/index.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
let ray: RayClient;
beforeAll(async () => {
  world = await createWorld();
  ray = createRayClient({ address: inject("rayAddress") });
  await world.worker({ concurrency: 4 });
});
afterAll(async () => {
  await ray.close();
  await world.close();
});

test("a Ray task reports progress, mirrors its log, and comes back with its result", async () => {
  const job = await world.client.enqueue("test.ray_echo", { text: "hello", seconds: 1.5, lines: 300 });
  const progress = await Array.fromAsync(job.progress());
  expect(await job.result({ timeout: "1m" })).toEqual({ text: "hello", attempt: 1 });
  expect(progress.map((one) => one.message)).toContain("sleeping");
  const log = await Array.fromAsync(job.logs());
  // The world keeps 100 lines: the last ones.
  expect(log).toHaveLength(100);
  // Ray writes a heading of its own, which on a busy machine comes late.
  expect(log.filter((line) => !line.startsWith("Running entrypoint")).at(-1)).toBe("line 299");
  expect(log.some((line) => line.includes("::lovage::"))).toBe(false);
  const { rayJob } = await job.snapshot();
  expect(rayJob?.submissionId).toBe(await world.submissionId(job.id));
  expect(world.runs(job.id)).toEqual([rayJob?.submissionId]);
  const onCluster = await ray.get(rayJob?.submissionId ?? "");
  expect(onCluster.metadata).toEqual({
    submitted_by: "lovage",
    lovage_job_id: job.id,
    lovage_task: "test.ray_echo",
    lovage_attempt: "1",
  });
  expect(onCluster.entrypoint).toBe("python echo.py");
});

test("bad input is not tried again; a failing program is, under a new submission id", async () => {
  const bad = await world.client.enqueue("test.ray_echo", { text: "x", end: "bad-input" });
  const second = await world.client.enqueue("test.ray_echo", { end: "fail-first" });
  await expect(bad.result({ timeout: "1m" })).rejects.toMatchObject({
    code: "INPUT_BAD_TEXT",
    field: "text",
    value: "x",
    retryable: false,
  });
  expect(world.runs(bad.id)).toHaveLength(1);
  expect(await second.result({ timeout: "1m" })).toEqual({ text: "", attempt: 2 });
  expect(world.runs(second.id)).toEqual([
    await world.submissionId(second.id),
    await world.submissionId(second.id, 2),
  ]);
});

test("a program that dies, says nothing, or says too much has a code of its own", async () => {
  const options = { attempts: 1 };
  const dies = await world.client.enqueue("test.ray_echo", { end: "die" }, options);
  const silent = await world.client.enqueue("test.ray_echo", { end: "silent" }, options);
  const large = await world.client.enqueue("test.ray_echo", { end: "large" }, options);
  await expect(dies.result({ timeout: "1m" })).rejects.toMatchObject({ code: "RAY_JOB_FAILED" });
  await expect(silent.result({ timeout: "1m" })).rejects.toMatchObject({ code: "RAY_RESULT_MISSING" });
  await expect(large.result({ timeout: "1m" })).rejects.toMatchObject({
    code: "RESULT_TOO_LARGE",
    retryable: false,
  });
});

test("deadlines: one that never starts, one that runs too long", async () => {
  const late = await world.client.enqueue("test.ray_late", {});
  const long = await world.client.enqueue("test.ray_long", { seconds: 60 });
  await expect(late.result({ timeout: "1m" })).rejects.toMatchObject({ code: "RAY_NOT_STARTED" });
  await expect(long.result({ timeout: "1m" })).rejects.toMatchObject({ code: "RAY_RUN_TIMEOUT" });
  await eventually(
    "the Ray job is stopped",
    async () => (await ray.get(await world.submissionId(long.id))).status === "STOPPED",
  );
});

test("an input up to the limit passes through Ray, whatever its letters", async () => {
  // Ray writes each of these as six; with the rest of the environment this is a little below the limit.
  const text = "ж".repeat(20_800);
  const job = await world.client.enqueue("test.ray_echo", { text });
  expect(await job.result({ timeout: "1m" })).toEqual({ text, attempt: 1 });
});

test.each(["x".repeat(130_000), "ж".repeat(21_200)])(
  "an input that does not fit into a Ray job is refused before anything is submitted",
  async (text) => {
    const job = await world.client.enqueue("test.ray_echo", { text });
    await expect(job.result({ timeout: "1m" })).rejects.toMatchObject({
      code: "DATA_TOO_LARGE",
      field: "input",
    });
  },
);

test("cancelling a running Ray task stops the Ray job and is not tried again", async () => {
  const job = await world.client.enqueue("test.ray_echo", { seconds: 120 });
  const id = await world.submissionId(job.id);
  await eventually("the program runs", () => world.runs(job.id).length > 0);
  expect(await job.cancel()).toBe("cancelling");
  await expect(job.result({ timeout: "30s" })).rejects.toMatchObject({ code: "JOB_CANCELLED" });
  expect(await job.snapshot()).toMatchObject({ state: "cancelled", attempt: 1 });
  expect((await ray.get(id)).status).toBe("STOPPED");
});

test("cancelling a PENDING one ends the job soon and stops the Ray job as soon as it could start", async () => {
  const filler = await ray.submit({ entrypoint: "sleep 60", entrypointNumCpus: 1.95 });
  await eventually(
    "the cluster is full",
    async () => (await ray.get(filler.submissionId)).status === "RUNNING",
  );
  const job = await world.client.enqueue("test.ray_echo", { seconds: 120 });
  const id = await world.submissionId(job.id);
  await eventually("it is submitted", async () => (await job.snapshot()).rayJob !== undefined);
  await eventually(
    "it is PENDING",
    async () => (await ray.get(id).catch(() => undefined))?.status === "PENDING",
  );
  await job.cancel();
  await expect(job.result({ timeout: "20s" })).rejects.toMatchObject({ code: "JOB_CANCELLED" });
  expect(await job.state()).toBe("cancelled");
  await ray.stop(filler.submissionId);
  await eventually("the Ray job is stopped", async () => (await ray.get(id)).status === "STOPPED", 60_000);
  expect(world.runs(job.id)).toEqual([]);
  await eventually(
    "nothing is left to stop",
    async () => (await world.broker.redis.sismember(world.broker.keys.rayStops, id)) === 0,
  );
});
