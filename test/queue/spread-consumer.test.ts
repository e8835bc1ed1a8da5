import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { type Broker, openBroker } from "../../src/queue/broker.ts";
import type { Consumer } from "../../src/queue/consumer.ts";
import { depthOf, readDepths, readPartDepths } from "../../src/queue/depths.ts";
import type { HeldJob } from "../../src/queue/held-job.ts";
import { addJobs, prepareJob } from "../../src/queue/producer.ts";
import { createRedisClock } from "../../src/queue/redis-clock.ts";
import { createSpreadConsumer } from "../../src/queue/spread-consumer.ts";
import { eventually } from "../support/world.ts";

const retry = { attempts: 1, backoff: 0, maxBackoff: 0 };
const target = { name: "test.counted", queue: "default", retry };
const shards = 4;

describe.each(["one Redis", "a cluster"])("in %s", (where) => {
  let broker: Broker;
  let consumers: Consumer[] = [];
  beforeEach(async () => {
    const place = where === "a cluster" ? { cluster: inject("redisCluster") } : { url: inject("redisUrl") };
    broker = await openBroker({ redis: { ...place, shards, prefix: `test-${randomUUID().slice(0, 8)}` } });
  });
  afterEach(async () => {
    await Promise.all(consumers.map((consumer) => consumer.drain()));
    consumers = [];
    await Promise.all(broker.shards.map((shard) => shard.queue("default").obliterate({ force: true })));
    await broker.redis.del(broker.keys.layout);
    await broker.close();
  });

  async function consume(
    concurrency: number,
    run: (job: HeldJob) => void | Promise<void>,
  ): Promise<Consumer> {
    const kept = { age: 60_000, count: 100_000 };
    const consumer = createSpreadConsumer(broker.shards, {
      queue: "default",
      concurrency,
      clock: createRedisClock(),
      workerName: "test",
      lockDuration: 5000,
      retention: { result: kept, failure: kept, logLines: 1 },
      retryPolicy: () => retry,
      async run(job) {
        await run(job);
        return { type: "completed", output: null };
      },
      onError: () => {},
      onStalled: () => {},
      onGivenUp: async () => {},
    });
    consumers.push(consumer);
    await consumer.start();
    return consumer;
  }

  const jobs = (count: number, fits: (id: string) => boolean = () => true) => {
    const made = [];
    while (made.length < count) {
      const job = prepareJob(target, {});
      if (fits(job.opts.jobId)) made.push(job);
    }
    return made;
  };
  const inShard = (shard: number) => (id: string) => broker.keys.shardOf(id) === shard;
  const waiting = async () => {
    const depths = (await readDepths(broker)).find(({ queue }) => queue === "default");
    return depths === undefined ? 0 : depthOf(depths, "waiting").jobs;
  };

  test("ten thousand jobs of one queue: spread over the shards, each run once, never more at once than the slots", async () => {
    const count = 10_000;
    const all = jobs(count);
    for (let from = 0; from < count; from += 1000) await addJobs(broker, all.slice(from, from + 1000));
    const spread = await Promise.all(
      broker.shards.map(async (shard) => depthOf(await readPartDepths(shard, "default"), "waiting").jobs),
    );
    expect(spread.reduce((sum, part) => sum + part, 0)).toBe(count);
    // Five times the standard deviation.
    for (const part of spread) expect(Math.abs(part - count / shards)).toBeLessThan(217);
    const runs = new Set<string>();
    let running = 0;
    let most = 0;
    let twice = 0;
    await consume(10, async ({ id }) => {
      running += 1;
      most = Math.max(most, running);
      if (runs.has(id)) twice += 1;
      runs.add(id);
      await new Promise(setImmediate);
      running -= 1;
    });
    await eventually("all jobs have run", () => runs.size === count, 120_000);
    expect({ twice, most }).toEqual({ twice: 0, most: 10 });
    await eventually("nothing waits", async () => (await waiting()) === 0);
  });

  test("by two slots all four shards are served, though each has more work than it is done with", async () => {
    await Promise.all(
      Array.from({ length: shards }, (_, shard) => addJobs(broker, jobs(400, inShard(shard)))),
    );
    const served = new Map<number, number>();
    let running = 0;
    let most = 0;
    await consume(2, async ({ id }) => {
      running += 1;
      most = Math.max(most, running);
      const shard = broker.keys.shardOf(id);
      served.set(shard, (served.get(shard) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, 10));
      running -= 1;
    });
    await eventually("every shard was served", () => served.size === shards);
    // Nobody was done by then: it is not that one shard had to wait for the end of another.
    expect(Math.max(...served.values())).toBeLessThan(400);
    expect(most).toBe(2);
  });

  test("one shard with work gets all slots, and gives them back", async () => {
    const release = Promise.withResolvers<void>();
    let running = 0;
    const consumer = await consume(6, async () => {
      running += 1;
      await release.promise;
      running -= 1;
    });
    await addJobs(broker, jobs(20, inShard(2)));
    await eventually("all slots are in one shard", () => running === 6);
    expect(consumer.status()).toMatchObject({ name: "default", concurrency: 6, active: 6, paused: false });
    await addJobs(broker, jobs(1, inShard(0)));
    release.resolve();
    await eventually("nothing waits", async () => (await waiting()) === 0);
  });

  test("fewer slots, and none while it is paused", async () => {
    let running = 0;
    let release = Promise.withResolvers<void>();
    const consumer = await consume(4, async () => {
      running += 1;
      await release.promise;
      running -= 1;
    });
    await addJobs(broker, jobs(60));
    await eventually("four run", () => running === 4);
    await consumer.setConcurrency(1);
    const before = release;
    release = Promise.withResolvers<void>();
    before.resolve();
    await eventually("one runs", () => running === 1);
    await consumer.pause();
    const left = await eventually("what runs is all that is not waiting", async () => {
      const count = await waiting();
      return count >= 55 && count;
    });
    release.resolve();
    await eventually("none runs", () => running === 0);
    expect(await waiting()).toBe(left);
    expect(consumer.status()).toMatchObject({ concurrency: 1, paused: true });
    await consumer.setConcurrency(4);
    await consumer.resume();
    await eventually("nothing waits", async () => (await waiting()) === 0);
  });
});
