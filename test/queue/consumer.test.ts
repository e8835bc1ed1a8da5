import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { type Broker, openBroker } from "../../src/queue/broker.ts";
import { listenForCancellations } from "../../src/queue/cancellations.ts";
import { type Consumer, type ConsumerOptions, createConsumer } from "../../src/queue/consumer.ts";
import type { HeldJob } from "../../src/queue/held-job.ts";
import { addJobs, prepareJob } from "../../src/queue/producer.ts";
import { createRedisClock } from "../../src/queue/redis-clock.ts";
import { createSubscriber } from "../../src/queue/subscriber.ts";
import { eventually } from "../support/world.ts";

const retry = { attempts: 1, backoff: 0, maxBackoff: 0 };
const target = { name: "test.counted", queue: "default", retry };

let broker: Broker;
beforeEach(async () => {
  broker = await openBroker({
    redis: { url: inject("redisUrl"), prefix: `test-${randomUUID().slice(0, 8)}` },
  });
});
afterEach(async () => {
  await broker.queue("default").obliterate({ force: true });
  await broker.close();
});

function consumer(
  run: (job: HeldJob) => void | Promise<void>,
  options: Partial<Pick<ConsumerOptions, "lockDuration" | "onGivenUp">> = {},
): Consumer {
  return createConsumer({
    broker: broker.shards[0],
    queue: "default",
    concurrency: 8,
    workerName: "test",
    clock: createRedisClock(),
    lockDuration: 5000,
    retention: {
      result: { age: 60_000, count: 10_000 },
      failure: { age: 60_000, count: 100 },
      logLines: 1,
    },
    retryPolicy: () => retry,
    async run(job) {
      await run(job);
      return { type: "completed", output: null };
    },
    onError: () => {},
    onStalled: () => {},
    onGivenUp: async () => {},
    ...options,
  });
}

test("a consumer that drains starts no more jobs, not even those it had just fetched", async () => {
  const ids = Array.from({ length: 2000 }, (_, index) => `job-${index}`);
  await addJobs(
    broker,
    ids.map((id) => prepareJob(target, {}, { id })),
  );
  const runs: string[] = [];
  let draining = false;
  let late = 0;
  const first = consumer((job) => {
    runs.push(job.id);
    if (draining) late += 1;
  });
  await first.start();
  await eventually("it is in full swing", () => runs.length > 300);
  draining = true;
  await first.drain();
  expect(late).toBe(0);
  expect(runs.length).toBeLessThan(2000);
  expect(await broker.queue("default").getActiveCount()).toBe(0);

  const starts: boolean[] = [];
  const second = consumer((job) => {
    runs.push(job.id);
    starts.push(job.firstStart);
  });
  await second.start();
  await eventually("all are done", () => runs.length === 2000);
  await second.drain();
  expect(new Set(runs).size).toBe(2000);
  expect(starts).not.toContain(false);
});

test("a job whose lock was lost is not run twice at once by the process that still ends its first run", async () => {
  await addJobs(broker, [prepareJob(target, {}, { id: "twice" })]);
  let running = 0;
  let most = 0;
  const ends: (() => void)[] = [];
  const starts: boolean[] = [];
  const one = consumer(
    async (job) => {
      running += 1;
      most = Math.max(most, running);
      starts.push(job.firstStart);
      // A call that cannot be ended, such as a submit, outlives the abort.
      await new Promise<void>((resolve) => ends.push(resolve));
      running -= 1;
    },
    { lockDuration: 1000 },
  );
  await one.start();
  await eventually("it runs", () => running === 1);
  // As after a pause of the process: the lock is gone, and somebody's look for stalled jobs puts the job back.
  const lock = broker.keys.lock("default", "twice");
  const job = broker.keys.job("default", "twice");
  const first = await broker.redis.get(lock);
  await eventually("it was fetched again", async () => {
    // Renewed it may be; the second holder's is left alone.
    if ((await broker.redis.get(lock)) === first) await broker.redis.del(lock);
    return (await broker.queue("default").getJobState("twice")) === "delayed";
  });
  expect(await broker.redis.hget(job, "ats")).toBe("1");
  ends.shift()?.();
  await eventually("it runs again when the first run is over", () => starts.length === 2);
  expect(most).toBe(1);
  ends.shift()?.();
  await one.drain();
});

test("who no longer holds a job takes none of its starts back: no two begins would have one number", async () => {
  const [job, lock] = [broker.keys.job("default", "held"), broker.keys.lock("default", "held")];
  await broker.redis.hset(job, { ats: "2" });
  await broker.redis.set(lock, "the next one's");
  await broker.redis.lovageUnstart(job, lock, "mine");
  expect(await broker.redis.hget(job, "ats")).toBe("2");
  await broker.redis.lovageUnstart(job, lock, "the next one's");
  expect(await broker.redis.hget(job, "ats")).toBe("1");
});

test("a job that is given up because its workers died is told of, with its record", async () => {
  const told: (string | undefined)[] = [];
  await addJobs(broker, [prepareJob(target, {}, { id: "deadly" })]);
  const job = broker.keys.job("default", "deadly");
  await broker.redis.hset(job, {
    defa: "job stalled more than allowable limit",
    "lovage:ray": '{"submissionId":"s"}',
  });
  const one = consumer(() => Promise.reject(new Error("it must not run")), {
    onGivenUp: async (given) => void told.push(await given.readRayJob()),
  });
  await one.start();
  await eventually("it is told of", () => told.length > 0);
  expect(told).toEqual(['{"submissionId":"s"}']);
  await one.drain();
});

test("a message that is no cancellation does not end who listens", async () => {
  const heard: string[] = [];
  const subscriber = createSubscriber(broker);
  await listenForCancellations(broker, subscriber, (notice) => void heard.push(notice.id));
  await subscriber.start();
  for (const message of ["hello", "null", "{}", '{"queue":"default","id":"x","reason":"r"}']) {
    await broker.redis.publish(broker.keys.cancellations, message);
  }
  await eventually("the real one is heard", () => heard.length > 0);
  expect(heard).toEqual(["x"]);
  await subscriber.stop();
});
