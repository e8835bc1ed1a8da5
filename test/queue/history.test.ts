import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { type Broker, openBroker } from "../../src/queue/broker.ts";
import { bucketCount, bucketOf, quantile, quantileError } from "../../src/queue/histogram.ts";
import { readHistory, sampleBacklog } from "../../src/queue/history.ts";
import { resolutions, writeFigures } from "../../src/queue/history-buckets.ts";
import { createHistoryRecorder } from "../../src/queue/history-recorder.ts";

let broker: Broker;
beforeEach(async () => {
  broker = await openBroker({
    redis: { url: inject("redisUrl"), prefix: `test-${randomUUID().slice(0, 8)}` },
  });
});
afterEach(async () => {
  await broker.queue("ml").obliterate({ force: true });
  const keys = await historyKeys();
  if (keys.length > 0) await broker.redis.unlink(...keys);
  await broker.close();
});

const historyKeys = () => broker.redis.keys(`${broker.keys.at("").prefix}:history:*`);

const job = (changes: Partial<ReturnType<typeof plain>> = {}) => ({ ...plain(), ...changes });
const plain = () => ({ queue: "ml", task: "test.one", firstStart: true, dueAt: 1000, takenAt: 1000 });
const recorder = () => createHistoryRecorder(broker, new Set(["test.one", "test.two"]));

function expectNear(quantileFound: number | null, exact: number): void {
  expect(Math.abs((quantileFound ?? Number.NaN) / exact - 1)).toBeLessThanOrEqual(quantileError.relative);
}

test("quantiles are within the stated error of the exact ones", () => {
  expect(quantileError.relative).toBeLessThan(0.091);
  const time = fc.double({ min: 0, max: 2 ** 31, noNaN: true });
  const short = fc.double({ min: 0, max: 5000, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(time, short), { minLength: 1, maxLength: 500 }),
      fc.constantFrom(0, 0.5, 0.95, 0.99, 1),
      (times, share) => {
        const buckets = new Uint32Array(bucketCount);
        for (const milliseconds of times) {
          const bucket = bucketOf(milliseconds);
          buckets[bucket] = (buckets[bucket] ?? 0) + 1;
        }
        const exact = times.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(share * times.length)) - 1] ?? 0;
        const error = Math.abs((quantile(buckets, share) ?? Number.NaN) - exact);
        // A thousandth of a thousandth for the logarithm at the very bounds.
        const allowed = Math.max(quantileError.relative * exact * (1 + 1e-6), quantileError.milliseconds);
        expect(error).toBeLessThanOrEqual(allowed);
      },
    ),
    { numRuns: 1000 },
  );
});

test("what is no length of time, and what is longer than any, is counted all the same", () => {
  expect(bucketOf(-5)).toBe(0);
  expect(bucketOf(Number.NaN)).toBe(0);
  expect(bucketOf(Number.POSITIVE_INFINITY)).toBe(bucketCount - 1);
  expect(quantile(new Uint32Array(bucketCount), 0.5)).toBeNull();
});

test("what several workers counted is one history, by queue and by task", async () => {
  const [first, second] = [recorder(), recorder()];
  for (let count = 0; count < 10; count += 1) first.note(job(), "completed", 100);
  first.note(job({ task: "test.two" }), "failed", 5000);
  second.note(job({ queue: "data" }), "retry", 100);
  second.note(job(), "cancelled", 1);
  second.note(job(), "expired", 1);
  second.noteGivenUp(job());
  await Promise.all([first.flush(0), second.flush(0)]);
  await first.flush(0);

  const { points, step, total } = await readHistory(broker);
  expect([points.length, step]).toEqual([60, 60_000]);
  expect(total).toMatchObject({ completed: 10, failed: 2, retried: 1, cancelled: 1, expired: 1 });
  expectNear(total.run.p50, 100);
  expectNear(total.run.p99, 5000);
  for (const span of ["day", "week"] as const) {
    expect((await readHistory(broker, { span })).total).toEqual(total);
  }
  const counts = async (query: Parameters<typeof readHistory>[1]) => {
    const { completed, failed, retried } = (await readHistory(broker, query)).total;
    return [completed, failed, retried];
  };
  expect(await counts({ queue: "ml" })).toEqual([10, 2, 0]);
  expect(await counts({ queue: "data" })).toEqual([0, 0, 1]);
  expect(await counts({ task: "test.two" })).toEqual([0, 1, 0]);
  expect(await counts({ task: "test.one", queue: "data" })).toEqual([0, 0, 1]);
  expect(await counts({ task: "test.three" })).toEqual([0, 0, 0]);
});

test("the wait is counted once a job, from when it could have started, and nothing of an attempt that has not begun", async () => {
  const history = recorder();
  history.note(job({ dueAt: 1000, takenAt: 3000 }), "retry", 10);
  history.note(job({ dueAt: 1000, takenAt: 90_000, firstStart: false }), "completed", 10);
  // The clock of who enqueued it may be ahead.
  history.note(job({ dueAt: 5000, takenAt: 4000 }), "waiting-children", 10);
  history.note(job({ dueAt: 0, takenAt: 1e9 }), "postponed", 10);
  await history.flush(0);
  const { total } = await readHistory(broker);
  expectNear(total.wait.p99, 2000);
  expect(total.wait.p50).toBeLessThan(1);
  expect(total.completed + total.retried).toBe(2);
});

test("whose task no worker knows is counted under one name", async () => {
  const history = recorder();
  for (let count = 0; count < 50; count += 1) history.note(job({ task: `made.up.${count}` }), "failed", 1);
  await history.flush(0);
  expect((await readHistory(broker, { task: "unknown" })).total.failed).toBe(50);
  expect(await historyKeys()).toHaveLength(2 * 3);
});

test("a worker whose clock is wrong counts by Redis' clock", async () => {
  const history = recorder();
  await history.flush(-1_800_000);
  history.note(job(), "completed", 1);
  await history.flush(-1_800_000);
  const { points } = await readHistory(broker);
  const at = points.findIndex(({ completed }) => completed === 1);
  expect(at).toBeGreaterThanOrEqual(28);
  expect(at).toBeLessThanOrEqual(30);
});

test("what could not be added is added later", async () => {
  const away = await openBroker({ redis: broker.settings });
  const history = createHistoryRecorder(away, new Set());
  history.note(job(), "completed", 1);
  const write = away.redis.lovageHistory;
  away.redis.lovageHistory = () => Promise.reject(new Error("the connection is closed"));
  await expect(history.flush(0)).rejects.toThrow("closed");
  history.note(job(), "completed", 1);
  away.redis.lovageHistory = write;
  await history.flush(0);
  expect((await readHistory(broker)).total.completed).toBe(2);
  await away.close();
});

test("every step goes away by itself", async () => {
  const history = recorder();
  history.note(job(), "completed", 1);
  await history.flush(0);
  await sampleBacklog(broker);
  for (const key of await historyKeys()) {
    const [, step, begin] = /:history:(\d+):(\d+):/.exec(key) ?? [];
    const resolution = Object.values(resolutions).find((candidate) => candidate.step === Number(step));
    const expiry = Number(begin) + Number(step) + (resolution?.kept ?? 0);
    expect(await broker.redis.pexpiretime(key)).toBe(expiry);
    // Kept for as long as it is shown.
    expect(resolution?.kept).toBeGreaterThanOrEqual((resolution?.points ?? 0) * Number(step));
  }
  const old = Date.now() - 3 * 3_600_000;
  await writeFigures(broker, "add", [{ queue: "ml", at: old, fields: ["completed", 5] }]);
  expect(
    await broker.redis.exists(broker.keys.history(60_000, Math.floor(old / 60_000) * 60_000, "ml")),
  ).toBe(0);
});

test("the backlog is the greatest that anybody saw", async () => {
  const enqueued = Date.now() - 60_000;
  await broker.queue("ml").add("test.one", {}, { jobId: "a", timestamp: enqueued });
  await broker.queue("ml").add("test.one", {}, { jobId: "b", timestamp: enqueued });
  await Promise.all([sampleBacklog(broker), sampleBacklog(broker)]);
  await broker.queue("ml").remove("b");
  await sampleBacklog(broker);
  const { points, total } = await readHistory(broker, { queue: "ml" });
  expect(total.waiting).toBe(2);
  expect(total.backlogAge).toBeGreaterThanOrEqual(60_000);
  expect(points.filter(({ waiting }) => waiting !== null).length).toBeLessThanOrEqual(2);
  expect((await readHistory(broker, { task: "test.one" })).total.waiting).toBeNull();
});

test.each([
  [{ span: "year" }, "span"],
  [{ queue: "nope" }, "queue"],
  [{ task: "" }, "task"],
])("a query that is none is refused: %j", async (query, field) => {
  await expect(readHistory(broker, query as never)).rejects.toMatchObject({ code: "INPUT_INVALID", field });
});
