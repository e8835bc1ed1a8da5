import { afterEach, beforeEach, expect, test } from "vitest";
import { LovageError } from "../../src/core/errors.ts";
import type { Broker } from "../../src/queue/broker.ts";
import { cancelJob } from "../../src/queue/cancellation.ts";
import { createConsumer } from "../../src/queue/consumer.ts";
import { addJobs, prepareJob } from "../../src/queue/producer.ts";
import { createRedisClock } from "../../src/queue/redis-clock.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

/** A broker whose announcements are lost. */
function mute(broker: Broker): Broker {
  const redis = new Proxy(broker.redis, {
    get(target, name) {
      if (name === "publish") return async () => 0;
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { ...broker, redis };
}

test("a running job ends though the announcement of its cancellation was lost, and is not tried again", async () => {
  await world.worker();
  const job = await world.client.enqueue("test.echo", { seconds: 60 });
  await eventually("it runs", async () => (await job.state()) === "active");
  expect(await cancelJob(mute(world.broker), job, "unheard")).toBe("cancelling");
  await expect(job.result({ timeout: "10s" })).rejects.toMatchObject({ code: "JOB_CANCELLED" });
  await eventually("it ended", async () => (await job.snapshot()).endedAt);
  expect(await job.snapshot()).toMatchObject({ state: "cancelled", attempt: 1, attempts: 3 });
});

test("so does one whose worker takes no more jobs of its queue", async () => {
  await world.worker({ name: "one", queues: ["default"] });
  const job = await world.client.enqueue("test.echo", { seconds: 60 });
  await eventually("it runs", async () => (await job.state()) === "active");
  await world.client.control.removeQueue("default");
  expect(await cancelJob(mute(world.broker), job, "unheard")).toBe("cancelling");
  await eventually("it ended", async () => (await job.snapshot()).endedAt, 10_000);
});

test("a waiting and a scheduled job are never started though nobody heard of their cancellation", async () => {
  const waiting = await world.client.enqueue("test.echo", {});
  const scheduled = await world.client.enqueue("test.echo", {}, { delay: "1h" });
  expect(await cancelJob(mute(world.broker), waiting, "unheard")).toBe("cancelled");
  expect(await cancelJob(mute(world.broker), scheduled, "unheard")).toBe("cancelled");
  await world.worker();
  for (const job of [waiting, scheduled]) {
    await eventually("a worker dropped it", async () => (await job.snapshot()).endedAt);
    expect(await job.snapshot()).toMatchObject({ state: "cancelled", attempt: 1 });
    expect(await Array.fromAsync(job.logs())).toEqual([]);
  }
});

test("a job that is cancelled while its next attempt is put aside does not wait out its back-off", async () => {
  const { broker } = world;
  const retry = { attempts: 3, backoff: 3_600_000, maxBackoff: 3_600_000 };
  const target = { name: "test.late", queue: "default", retry };
  await addJobs(broker, [prepareJob(target, {}, { id: "late" })]);
  let runs = 0;
  const consumer = createConsumer({
    broker: broker.shards[0],
    queue: "default",
    concurrency: 1,
    workerName: "test",
    clock: createRedisClock(),
    lockDuration: 5000,
    retention: {
      result: { age: 60_000, count: 10 },
      failure: { age: 60_000, count: 10 },
      logLines: 1,
    },
    retryPolicy: () => retry,
    async run(job) {
      runs += 1;
      if (runs === 2) return { type: "cancelled", error: new LovageError("JOB_CANCELLED", "too late") };
      // The outcome is decided; only then somebody cancels.
      expect(await cancelJob(broker, job, "too late")).toBe("cancelling");
      return { type: "retry", error: new LovageError("JOB_FAILED", "boom") };
    },
    onError: () => {},
    onStalled: () => {},
    onGivenUp: async () => {},
  });
  await consumer.start();
  const state = () => broker.queue("default").getJobState("late");
  await eventually("it ended", async () => (await state()) === "failed", 10_000);
  expect(runs).toBe(2);
  await consumer.drain();
});
