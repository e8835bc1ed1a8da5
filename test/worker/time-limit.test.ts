import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type Client, createClient } from "#client";
import { createRayClient, type RayClient } from "../../src/ray-client-http/index.ts";
import { catalogue, type LimitsTasks } from "../support/limits-catalogue.ts";
import { createWorld, eventually, type RunningWorker, type World } from "../support/world.ts";

let world: World;
let client: Client<LimitsTasks>;
let ray: RayClient;
let worker: RunningWorker;
beforeAll(async () => {
  world = await createWorld();
  client = createClient<LimitsTasks>({ redis: world.redis, catalogue });
  ray = createRayClient({ address: inject("rayAddress") });
  worker = await world.worker({ catalogue, concurrency: 4 });
});
afterAll(async () => {
  await Promise.all([client.close(), ray.close()]);
  await world.close();
});

const statusOf = async (id: string) => (await ray.get(await world.submissionId(id))).status;

test("the soft limit is heard by the task, which may still end well; the hard limit ends it", async () => {
  const tidies = await client.enqueue("limits.timed", { end: "tidies" });
  const ignores = await client.enqueue("limits.timed", { end: "ignores" });
  expect(await tidies.result({ timeout: "20s" })).toBe("SOFT_TIME_LIMIT_EXCEEDED");
  await expect(ignores.result({ timeout: "20s" })).rejects.toMatchObject({
    code: "TIME_LIMIT_EXCEEDED",
    message: expect.stringContaining("450ms"),
  });
  expect(await Array.fromAsync(ignores.logs())).toEqual(["heard SOFT_TIME_LIMIT_EXCEEDED"]);
  expect((await ignores.snapshot()).attempt).toBe(1);
});

test("limits of a call go before those of its task", async () => {
  const short = await client.enqueue("limits.free", { milliseconds: 60_000 }, { timeLimit: 100 });
  await expect(short.result({ timeout: "20s" })).rejects.toMatchObject({ code: "TIME_LIMIT_EXCEEDED" });
  const long = await client.enqueue(
    "limits.timed",
    { end: "tidies" },
    { softTimeLimit: 1000, timeLimit: "1m" },
  );
  await long.result({ timeout: "20s" });
  const { startedAt, endedAt } = await long.snapshot();
  expect((endedAt?.getTime() ?? 0) - (startedAt?.getTime() ?? 0)).toBeGreaterThanOrEqual(990);
});

test("the hard limit of a Ray task stops its Ray job on the cluster", async () => {
  const job = await client.enqueue("limits.ray", { seconds: 60 });
  await expect(job.result({ timeout: "30s" })).rejects.toMatchObject({ code: "TIME_LIMIT_EXCEEDED" });
  await eventually("the Ray job is stopped", async () => (await statusOf(job.id)) === "STOPPED");
});

test("a Ray task cannot hear a soft limit: the client refuses it, and so does the worker", async () => {
  const refused = { code: "INPUT_INVALID", field: "softTimeLimit" };
  const call = client.enqueue("limits.ray", { seconds: 60 }, { softTimeLimit: "1s" });
  await expect(call).rejects.toMatchObject(refused);
  const data = { v: 1, input: { seconds: 60 }, meta: { softTimeLimit: 1000 } };
  await world.broker.queue("ml").add("limits.ray", data, { jobId: "from-elsewhere" });
  const job = await client.get("from-elsewhere");
  await expect(job.result({ timeout: "20s" })).rejects.toMatchObject(refused);
});

test("a worker that goes on with a Ray job gives it no more time than was left, and lets it keep its place", async () => {
  const limit = 14_000;
  const job = await client.enqueue("limits.ray", { seconds: 120 }, { timeLimit: limit });
  const alone = await client.enqueue("limits.ray_alone", { seconds: 120 });
  const hourly = await client.enqueue("limits.ray_hourly", { seconds: 6 });
  const record = async () =>
    JSON.parse((await world.broker.redis.hget(world.broker.keys.job("ml", job.id), "lovage:ray")) ?? "{}");
  const { submittedAt } = await eventually("it runs", async () => {
    const found = await record();
    return found.runningSince !== undefined && found;
  });
  await eventually("the other runs", async () => (await statusOf(alone.id).catch(() => "")) === "RUNNING");
  await eventually("and the third", async () => (await statusOf(hourly.id).catch(() => "")) === "RUNNING");
  await worker.stop();
  const waits = await client.enqueue("limits.ray_alone", { seconds: 0 });
  worker = await world.worker({ catalogue, concurrency: 4 });
  await expect(job.result({ timeout: "30s" })).rejects.toMatchObject({
    code: "TIME_LIMIT_EXCEEDED",
    message: expect.stringContaining("14.0s"),
  });
  const took = ((await job.snapshot()).endedAt?.getTime() ?? 0) - submittedAt;
  // Stopping it takes Ray about two seconds.
  expect(took).toBeLessThan(limit + 6000);
  expect(world.runs(job.id)).toHaveLength(1);
  // What runs already is not asked whether it may begin.
  await hourly.result({ timeout: "30s" });
  expect(await waits.state()).toBe("scheduled");
  expect(await alone.state()).toBe("active");
  await alone.cancel();
  await waits.result({ timeout: "60s" });
});
