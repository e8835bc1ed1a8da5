import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { createClient } from "#client";
import { createCatalogue, defineTask, type TasksOf } from "#task";
import { createRayClient } from "../../src/ray-client-http/index.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

/** An ordinary task that runs a program as part of its work. */
const wrap = defineTask({
  name: "runs.wrap",
  queue: "ml",
  input: z.strictObject({
    text: z.string(),
    seconds: z.number().default(0),
    how: z.string().default("await"),
  }),
  output: z.unknown(),
  retry: { attempts: 2, backoff: 20, maxBackoff: 50 },
  async run({ text, seconds, how }, context) {
    const program = { program: how === "missing" ? "nowhere.py" : "echo.py", resources: { cpus: 0.1 } };
    const running = context.ray.run(program, { text, seconds });
    if (how === "twice") {
      await running;
      await context.ray.run(program, {});
    }
    if (how === "forget") {
      await context.log("left it");
      return "forgot";
    }
    return { wrapped: await running };
  },
});
const catalogue = createCatalogue([wrap]);

let world: World;
let client: ReturnType<typeof createClient<TasksOf<typeof catalogue>>>;
let ray: ReturnType<typeof createRayClient>;
beforeAll(async () => {
  world = await createWorld();
  client = createClient({ redis: world.redis, catalogue });
  const { inject } = await import("vitest");
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
  const left = await client.enqueue("runs.wrap", { text: "b", seconds: 120, how: "forget" });
  expect(await left.result({ timeout: "30s" })).toBe("forgot");
  for (const job of [cancelled, left]) {
    const id = await world.submissionId(job.id);
    const status = () => ray.get(id).then((rayJob) => rayJob.status);
    // Left behind before its submit, there may be none.
    const gone = () => "NONE";
    await eventually(`${id} is stopped`, async () =>
      ["STOPPED", "NONE"].includes(await status().catch(gone)),
    );
  }
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
