import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { type Broker, openBroker } from "../../src/queue/broker.ts";
import {
  createRegistration,
  forgottenAfter,
  readRegistry,
  silentAfter,
  type WorkerBeat,
} from "../../src/queue/registry.ts";
import { judge, longestLag, stuckAfter } from "../../src/queue/workers.ts";

let broker: Broker;
beforeEach(async () => {
  broker = await openBroker({
    redis: { url: inject("redisUrl"), prefix: `test-${randomUUID().slice(0, 8)}` },
  });
});
afterEach(async () => {
  await broker.redis.del(broker.keys.workers);
  await broker.close();
});

const beat: WorkerBeat = {
  host: hostname(),
  pid: process.pid,
  version: "1",
  at: Date.now(),
  startedAt: Date.now(),
  queues: [{ name: "ml", concurrency: 2, active: 0, takenAt: null, paused: false }],
  completed: 0,
  failed: 0,
  retried: 0,
  lag: 0,
  rss: 1,
  stopping: false,
};

/** Sets back the time of a worker's last beat. */
async function age(name: string, milliseconds: number): Promise<void> {
  const stored = (await broker.redis.hget(broker.keys.workers, name)) ?? "";
  const [at = ""] = stored.split(" ");
  const older = stored.replace(at, String(Number(at) - milliseconds));
  await broker.redis.hset(broker.keys.workers, name, older);
}

test("a second live worker of a name goes by another, and both are told apart", async () => {
  const [first, second, third] = [1, 2, 3].map(() => createRegistration(broker, "ml"));
  expect(await first?.beat(beat)).toBe(false);
  expect(await second?.beat(beat)).toBe(true);
  await third?.beat(beat);
  expect([first?.name, second?.name, third?.name]).toEqual(["ml", "ml-2", "ml-3"]);
  expect((await readRegistry(broker)).map(({ name }) => name)).toEqual(["ml", "ml-2", "ml-3"]);
  await first?.leave();
  expect((await readRegistry(broker)).map(({ name }) => name)).toEqual(["ml-2", "ml-3"]);
});

test("two that start at the same moment do not get the same name", async () => {
  const many = Array.from({ length: 8 }, () => createRegistration(broker, "w"));
  await Promise.all(many.map((registration) => registration.beat(beat)));
  expect(new Set(many.map(({ name }) => name)).size).toBe(8);
});

test("who is started again after a crash keeps its name: its old process is gone", async () => {
  const crashed = createRegistration(broker, "ml");
  await crashed.beat({ ...beat, pid: 2 ** 22 + 1 });
  const again = createRegistration(broker, "ml");
  expect(await again.beat(beat)).toBe(false);
  expect(again.name).toBe("ml");
  // In a container the process id is the same each time.
  const restarted = createRegistration(broker, "box");
  await restarted.beat({ ...beat, startedAt: Date.now() - 10 * 86_400_000 });
  const oneMore = createRegistration(broker, "box");
  await oneMore.beat(beat);
  expect(oneMore.name).toBe("box");
});

test("who slept for long does not take its name back", async () => {
  const sleeper = createRegistration(broker, "ml");
  await sleeper.beat({ ...beat, host: "elsewhere" });
  await age("ml", silentAfter + 1);
  const next = createRegistration(broker, "ml");
  await next.beat(beat);
  expect(next.name).toBe("ml");
  expect(await sleeper.beat({ ...beat, host: "elsewhere" })).toBe(true);
  expect(sleeper.name).toBe("ml-2");
  // Nor does its leaving take the other out.
  await sleeper.leave();
  expect((await readRegistry(broker)).map(({ name }) => name)).toEqual(["ml"]);
});

test("the dead are named for an hour, then forgotten; what is no beat is passed over", async () => {
  await createRegistration(broker, "old").beat(beat);
  await createRegistration(broker, "older").beat(beat);
  await age("old", forgottenAfter - 5000);
  await age("older", forgottenAfter + 5000);
  await broker.redis.hset(broker.keys.workers, "garbage", "hello", "garbage2", "1 2 {}");
  expect((await readRegistry(broker)).map(({ name }) => name)).toEqual(["old"]);
  expect(await broker.redis.hexists(broker.keys.workers, "older")).toBe(0);
});

const now = 1_000_000;
const record = { ...beat, name: "w", instance: "i", at: now - 100, age: 100, startedAt: 0 };
const waiting = { queue: "ml", waiting: 3, oldestMilliseconds: stuckAfter + 1, paused: false };
const [served] = beat.queues;
if (served === undefined) throw new Error("the beat has no queue");

test.each<[string, string, Partial<typeof record>, Partial<typeof waiting>]>([
  ["jobs wait for long and it takes none", "stuck", {}, {}],
  ["nothing waits", "alive", {}, { waiting: 0, oldestMilliseconds: null as never }],
  ["the jobs came just now", "alive", {}, { oldestMilliseconds: 500 }],
  ["the queue is paused", "alive", {}, { paused: true }],
  ["it is paused", "alive", { queues: [{ ...served, paused: true }] }, {}],
  ["all its slots are taken", "alive", { queues: [{ ...served, active: 2 }] }, {}],
  ["it took one just now", "alive", { queues: [{ ...served, takenAt: now - 500 }] }, {}],
  ["it took the last long ago", "stuck", { queues: [{ ...served, takenAt: now - stuckAfter - 1 }] }, {}],
  ["it has just started", "alive", { startedAt: now - 1000 }, {}],
  ["its event loop was held up", "stuck", { lag: longestLag + 1 }, { waiting: 0 }],
  ["it stops", "stopping", { stopping: true }, {}],
  ["it has not been heard of", "dead", { age: silentAfter }, {}],
])("%s: %s", (_what, state, changes, queue) => {
  expect(judge({ ...record, ...changes }, [{ ...waiting, ...queue }]).state).toBe(state);
});
