import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { type Broker, openBroker } from "../../src/queue/broker.ts";
import { type Consumer, createConsumer, type HeldJob } from "../../src/queue/consumer.ts";
import { addJobs, prepareJob } from "../../src/queue/producer.ts";
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

function consumer(run: (job: HeldJob) => void): Consumer {
  return createConsumer({
    broker,
    queue: "default",
    concurrency: 8,
    workerName: "test",
    lockDuration: 5000,
    retention: {
      result: { age: 60_000, count: 10_000 },
      failure: { age: 60_000, count: 100 },
      logLines: 1,
    },
    retryPolicy: () => retry,
    async run(job) {
      run(job);
      return { type: "completed", output: null };
    },
    onError: () => {},
    onStalled: () => {},
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
