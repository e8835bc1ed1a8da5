import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createWorld, type World } from "../support/world.ts";

let world: World;

beforeEach(async () => {
  world = await createWorld();
});

afterEach(() => world.close());

test("a workflow survives the death of every worker that runs it, at whatever point", async () => {
  const rounds = 24;
  const job = await world.client.enqueue("test.climb", { rounds });
  const result = job.result({ timeout: "80s" });
  let ended = false;
  void result.finally(() => {
    ended = true;
  });
  for (let deaths = 0; deaths < 4 && !ended; deaths += 1) {
    const worker = await world.workerProcess({ WORKER_LOCK_DURATION: "1s" });
    await sleep(100 + Math.random() * 400);
    await worker.kill();
  }
  await world.workerProcess({ WORKER_LOCK_DURATION: "1s" });
  const { sum, ids } = await result;
  expect(sum).toBe(2 * rounds);
  expect(new Set(ids).size).toBe(rounds / 4);
  const queue = world.broker.queue("default");
  // Two calls a round and a sleep every third, each made once: no place was called twice under another id.
  const counts = await queue.getJobCounts("completed", "failed");
  expect(counts).toMatchObject({ completed: 2 * rounds + rounds / 3 + 1, failed: 0 });
});
