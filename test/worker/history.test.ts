import { afterEach, beforeEach, expect, test } from "vitest";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

test("what a worker runs is in the history, by task, with its wait and its run", async () => {
  const { client } = world;
  const call = { task: "test.add" as const, input: { numbers: [1] } };
  await client.enqueueMany(Array.from({ length: 20 }, () => call));
  await client.enqueue("test.add", { numbers: [1], milliseconds: 400 }, { delay: "300ms" });
  await client.enqueue("test.echo", { end: "fail-first" });
  await client.enqueue("test.add", { numbers: [-1] });
  const cancelled = await client.enqueue("test.add", { numbers: [1] });
  await cancelled.cancel();
  await world.worker();

  const { total } = await eventually("all are counted, with the heartbeat", async () => {
    const history = await client.history();
    return history.total.completed === 22 && history.total.cancelled === 1 && history;
  });
  expect(total).toMatchObject({ completed: 22, retried: 1, failed: 1, cancelled: 1, expired: 0 });
  const added = await client.history({ task: "test.add", span: "week" });
  expect(added.total).toMatchObject({ completed: 21, failed: 1, retried: 0 });
  expect(added.total.run.p99).toBeGreaterThan(360);
  expect((await client.history({ queue: "ml" })).total.completed).toBe(0);
});

test("a delay that was asked for is no wait", async () => {
  await world.worker();
  const job = await world.client.enqueue("test.add", { numbers: [1] }, { delay: "3s" });
  await job.result({ timeout: "30s" });
  const { wait } = await eventually("it is counted", async () => {
    const { total } = await world.client.history();
    return total.completed === 1 && total;
  });
  expect(wait.p99).toBeLessThan(2500);
});

test("a worker that stops leaves nothing uncounted, not even what ended while it stopped", async () => {
  const worker = await world.worker();
  const ended = await world.client.enqueue("test.add", { numbers: [1] });
  await ended.result({ timeout: "30s" });
  await world.client.enqueue("test.add", { numbers: [1], milliseconds: 700 });
  await eventually("a job runs", async () => {
    const { answers } = await world.client.inspect.active();
    return answers[0]?.answer.length === 1;
  });
  await worker.stop();
  expect((await world.client.history()).total.completed).toBe(2);
});
