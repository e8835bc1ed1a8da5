import { afterAll, beforeAll, expect, test } from "vitest";
import type { LocalRay } from "../../src/dev/ray.ts";
import { startOwnRay } from "../support/own-ray.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let ray: LocalRay;
let world: World;
beforeAll(async () => {
  ray = await startOwnRay();
  world = await createWorld({ rayAddress: ray.address });
}, 120_000);
afterAll(async () => {
  await world.close();
  await ray.stop();
});

test("the head is down at submit: the job waits, says so, and ends right when it is back", async () => {
  await world.worker();
  await ray.killHead();
  const job = await world.client.enqueue("test.ray_echo", { text: "patient" });
  await eventually("it says that it waits", async () => {
    const { progress } = await job.snapshot();
    return progress?.message.startsWith("waiting for the Ray cluster");
  });
  await ray.startHead();
  expect(await job.result({ timeout: "90s" })).toEqual({ text: "patient", attempt: 1 });
  expect(world.runs(job.id)).toEqual([await world.submissionId(job.id)]);
}, 180_000);

test("the head is replaced while the program runs: the next attempt runs on the new cluster", async () => {
  const job = await world.client.enqueue("test.ray_echo", { seconds: 5, text: "again" });
  await eventually("the program runs", () => world.runs(job.id).length === 1);
  await ray.killHead();
  await ray.startHead();
  expect(await job.result({ timeout: "90s" })).toEqual({ text: "again", attempt: 2 });
  expect(world.runs(job.id)).toEqual([await world.submissionId(job.id), await world.submissionId(job.id, 2)]);
  expect((await job.snapshot()).state).toBe("completed");
}, 180_000);

test("the head stays down: the job fails with a clear code after its deadline", async () => {
  const impatient = await createWorld({ rayAddress: ray.address });
  await impatient.worker({ unavailableTimeout: 3000 });
  await ray.killHead();
  const job = await impatient.client.enqueue("test.ray_echo", {}, { attempts: 1 });
  await expect(job.result({ timeout: "60s" })).rejects.toMatchObject({
    code: "RAY_UNAVAILABLE",
    retryable: true,
  });
  await impatient.close();
}, 180_000);
