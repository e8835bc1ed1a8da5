import { afterAll, beforeAll, expect, test } from "vitest";
import { createConcurrencySlots, type SlotLimit } from "../../src/queue/concurrency.ts";
import { createRateLimits } from "../../src/queue/rate-limit.ts";
import { createWorld, type World } from "../support/world.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld({ cluster: true, shards: 3 });
});
afterAll(() => world.close());

/** Jobs that lie aside, as every waiter does, each in another shard than the one before. */
async function waiters(
  count: number,
): Promise<{ queue: string; id: string; enqueuedAt: number; key: string }[]> {
  const { broker } = world;
  const jobs = [];
  for (let index = 0; jobs.length < count; index += 1) {
    const id = `w${index}-${Math.random()}`;
    if (broker.keys.shardOf(id) !== jobs.length % 3) continue;
    await broker.queueAt("default", id).add("t", {}, { jobId: id, delay: 1_000_000 });
    jobs.push({ queue: "default", id, enqueuedAt: 1000 + index, key: "" });
  }
  return jobs;
}

const isWoken = async (id: string) =>
  (await world.broker.queueAt("default", id).getJobState(id)) === "waiting";

test("slots are one for all shards, and waiters that were cancelled or removed are passed over", async () => {
  const { broker } = world;
  const slots = createConcurrencySlots({
    broker,
    renewal: 60_000,
    onLost: () => {},
    onError(error) {
      throw error;
    },
  });
  const limit: SlotLimit = { task: "test.limited", total: 1, lease: 60_000 };
  const jobs = await waiters(5);
  const [a, b, c, d, e] = jobs as Required<typeof jobs>;
  if (!a || !b || !c || !d || !e) throw new Error("there are five");
  const places = [];
  for (const job of [a, b, c, d, e]) places.push(await slots.enter(limit, job));
  expect(places).toEqual([undefined, 0, 1, 2, 3]);
  await broker.redis.hset(broker.keys.job("default", b.id), "lovage:cancel", "{}");
  await broker.queueAt("default", c.id).remove(c.id);
  await slots.leave(limit, a);
  expect([await isWoken(b.id), await isWoken(d.id), await isWoken(e.id)]).toEqual([false, true, false]);
  expect(await slots.enter(limit, d)).toBe(undefined);
  await slots.leave(limit, d);
  expect(await isWoken(e.id)).toBe(true);
  slots.stop();
});

test("a rate is one for all shards, and who was cancelled or removed holds nobody up", async () => {
  const { broker } = world;
  const rates = createRateLimits(broker);
  const rate = { count: 1, per: 60_000 };
  const [first, cancelled, removed, last] = await waiters(4);
  const take = (job: { id: string } | undefined) => rates.take("test.rated", rate, `default:${job?.id}`);
  expect(await take(first)).toBe(0);
  const waits = [await take(cancelled), await take(removed)];
  expect(waits[1]).toBeGreaterThan((waits[0] ?? 0) + 50_000);
  await broker.redis.hset(broker.keys.job("default", cancelled?.id ?? ""), "lovage:cancel", "{}");
  await broker.queueAt("default", removed?.id ?? "").remove(removed?.id ?? "");
  // The very next window is its.
  expect(await take(last)).toBeLessThanOrEqual(60_000);
});
