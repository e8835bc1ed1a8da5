import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Broker, openBroker } from "../../src/queue/broker.ts";
import { type Consumer, createConsumer } from "../../src/queue/consumer.ts";
import { addJobs, prepareJob } from "../../src/queue/producer.ts";
import { eventually } from "../support/eventually.ts";
import { startOwnRedis } from "../support/own-redis.ts";

const hour = 3_600_000;
const retry = { attempts: 1, backoff: 0, maxBackoff: 0 };
const target = { name: "test.delayed", queue: "default", retry };

let redis: Awaited<ReturnType<typeof startOwnRedis>>;
let broker: Broker;
let consumer: Consumer;
let began: string[];
// Its own, since commands are counted.
beforeAll(async () => {
  redis = await startOwnRedis();
});
afterAll(() => redis.remove());
beforeEach(async () => {
  broker = await openBroker({ redis: redis.url });
  began = [];
});
afterEach(async () => {
  await consumer.drain();
  await broker.queue("default").obliterate({ force: true });
  await broker.close();
});

/** A consumer whose machine's clock is wrong by so much: it takes Redis' clock for one that is as wrong the other way. */
async function consumeWith(offset: number): Promise<void> {
  consumer = createConsumer({
    broker: broker.shards[0],
    queue: "default",
    concurrency: 2,
    clock: { offset: () => offset },
    workerName: "test",
    lockDuration: 5000,
    retention: { result: { age: hour, count: 100 }, failure: { age: hour, count: 100 }, logLines: 1 },
    retryPolicy: () => retry,
    async run({ id, attempt }) {
      began.push(id);
      // Put aside once: its second turn must come by the same clock.
      if (id.startsWith("twice") && began.filter((one) => one === id).length === 1)
        return { type: "postponed", why: "rate", milliseconds: 200 } as never;
      return { type: "completed", output: attempt };
    },
    onError: () => {},
    onStalled: () => {},
    onGivenUp: async () => {},
  });
  await consumer.start();
}

const add = (id: string, delay: number, now: number) =>
  addJobs(broker, [prepareJob(target, {}, { id, delay }, undefined, now)]);

test.each([
  ["ahead", -hour],
  ["behind", hour],
])("a worker whose clock is an hour %s starts what is due, when it is due", async (_how, offset) => {
  await consumeWith(offset);
  const now = Date.now() + offset;
  await add("far", hour, now);
  await add("soon", 300, now);
  await add("twice", 300, now);
  const ended = async (id: string) => (await broker.queue("default").getJobState(id)) === "completed";
  await eventually(
    "what is due has ended",
    async () => (await ended("soon")) && (await ended("twice")),
    10_000,
  );
  expect(began.toSorted()).toEqual(["soon", "twice", "twice"]);
  expect(await broker.queue("default").getJobState("far")).toBe("delayed");
  // When it ended is told by Redis' clock, too.
  const { finishedOn = 0 } = (await broker.queue("default").getJob("soon")) ?? {};
  expect(Math.abs(finishedOn - (Date.now() + offset))).toBeLessThan(60_000);
});

test("a worker whose clock is ahead does not spin while a job waits for its time", async () => {
  await consumeWith(-hour);
  await add("far", hour, Date.now() - hour);
  const scripts = async () => {
    const stats = await broker.redis.info("commandstats");
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };
  const before = await scripts();
  await add("soon", 1000, Date.now() - hour);
  await eventually("the next one has begun", () => began.includes("soon"), 10_000);
  expect((await scripts()) - before).toBeLessThan(15);
});
