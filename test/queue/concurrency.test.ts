import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type ConcurrencySlots,
  createConcurrencySlots,
  type SlotLimit,
} from "../../src/queue/concurrency.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
let open: ConcurrencySlots[];
beforeEach(async () => {
  world = await createWorld();
  open = [];
});
afterEach(async () => {
  for (const slots of open) slots.stop();
  await world.close();
});

const limit: SlotLimit = { task: "t", total: 2, lease: 60_000 };

/** The slots as one worker sees them. */
function workerSlots(onLost: (member: string) => void = () => {}, renewal = 60_000): ConcurrencySlots {
  const slots = createConcurrencySlots({ broker: world.broker, renewal, onError: fail, onLost });
  open.push(slots);
  return slots;
}

function fail(error: Error): never {
  throw error;
}

/** A job that lies aside, as every waiter does. */
async function job(id: string, key = "") {
  await world.broker.queue("default").add("t", {}, { jobId: id, delay: 1_000_000 });
  return { queue: "default", id, enqueuedAt: Date.now(), key };
}

const woken = () => world.broker.redis.lrange(`${world.prefix}:default:wait`, 0, -1);

test("slots are leases by job: taken twice they are one, left they go to the oldest who waits", async () => {
  const slots = workerSlots();
  const [a, b, c, d] = [await job("a"), await job("b"), await job("c"), await job("d")];
  expect(await slots.enter(limit, a)).toBe(undefined);
  expect(await slots.enter(limit, a)).toBe(undefined);
  expect(await slots.enter(limit, b)).toBe(undefined);
  expect(await slots.enter(limit, c)).toBe(0);
  expect(await slots.enter(limit, d)).toBe(1);
  expect(await slots.enter(limit, c)).toBe(0);
  await slots.leave(limit, a);
  expect(await woken()).toEqual(["c"]);
  // The slot is c's from now on, also before c comes.
  expect(await slots.enter(limit, a)).toBe(0);
  expect(await slots.enter(limit, c)).toBe(undefined);
});

test("work that runs already is counted, room or not", async () => {
  const slots = workerSlots();
  const [a, b, c, d] = [await job("a"), await job("b"), await job("c"), await job("d")];
  await slots.enter(limit, a);
  await slots.enter(limit, b);
  expect(await slots.enter(limit, c, true)).toBe(undefined);
  expect(await slots.enter(limit, d)).toBe(0);
  await slots.leave(limit, a);
  expect(await woken()).toEqual([]);
  await slots.leave(limit, b);
  expect(await woken()).toEqual(["d"]);
});

test("a worker that lost a job to another does not give its slot away, and is told", async () => {
  const lost: string[] = [];
  const one: SlotLimit = { ...limit, total: 1 };
  const [first, second] = [workerSlots((member) => lost.push(member), 30), workerSlots()];
  const a = await job("a");
  await first.enter(one, a);
  await second.enter(one, a);
  await eventually("the first is told", () => lost.length > 0);
  expect(lost).toEqual(["default:a"]);
  await first.leave(one, a);
  expect(await second.enter(one, await job("b"))).toBe(0);
});

test("a dead worker's slots are free when their leases have run out; a live one's are not", async () => {
  const short: SlotLimit = { ...limit, total: 1, lease: 200 };
  const dead = workerSlots();
  await dead.enter(short, await job("a"));
  dead.stop();
  const alive = workerSlots(fail as never, 50);
  const b = await job("b");
  await eventually("the lease has run out", async () => (await alive.enter(short, b)) === undefined);
  await sleep(500);
  expect(await workerSlots().enter(short, await job("c"))).toBe(0);
});

test("keys with room take turns, however many wait for one of them", async () => {
  const slots = workerSlots();
  const fair: SlotLimit = { ...limit, total: 2, perKey: 2 };
  const crowd = await Promise.all(Array.from({ length: 20 }, (_, index) => job(`crowd-${index}`, "crowd")));
  for (const one of crowd) await slots.enter(fair, one);
  await slots.enter(fair, await job("x", "x"));
  await slots.enter(fair, await job("y", "y"));
  const left = async (id: string) => {
    await slots.leave(fair, { queue: "default", id });
    return (await woken()).length;
  };
  expect(await left("crowd-0")).toBe(1);
  expect(await left("crowd-1")).toBe(2);
  expect(await left("x")).toBe(3);
  expect((await woken()).toSorted()).toEqual(["crowd-2", "x", "y"]);
});

test("a job whose key is another since a deploy takes nothing of the old one along", async () => {
  const slots = workerSlots();
  const one: SlotLimit = { task: "t", perKey: 1, lease: 60_000 };
  await slots.enter(one, await job("a", "old"));
  await slots.enter(one, { queue: "default", id: "a", enqueuedAt: 1, key: "new" });
  expect(await slots.enter(one, await job("b", "old"))).toBe(undefined);
  expect(await slots.enter(one, await job("c", "new"))).toBe(0);
  await slots.leave(one, { queue: "default", id: "a" });
  expect(await woken()).toEqual(["c"]);
});

test("waiters that were cancelled or removed are passed over", async () => {
  const slots = workerSlots();
  const one: SlotLimit = { ...limit, total: 1 };
  const [a, b, c, d] = [await job("a"), await job("b"), await job("c"), await job("d")];
  for (const each of [a, b, c, d]) await slots.enter(one, each);
  await world.broker.redis.hset(world.broker.keys.job("default", "b"), "lovage:cancel", "{}");
  await world.broker.queue("default").remove("c");
  await slots.leave(one, a);
  expect(await woken()).toEqual(["d"]);
});

test("a line of thousands costs no more for each", async () => {
  const slots = workerSlots();
  const many = 3000;
  const time = async (from: number) => {
    const begun = performance.now();
    for (let index = from; index < from + 300; index += 1) {
      await slots.enter(limit, { queue: "default", id: `j${index}`, enqueuedAt: index, key: "" });
    }
    return performance.now() - begun;
  };
  await time(0);
  const early = await time(300);
  const pipeline = Array.from({ length: many }, (_, index) =>
    slots.enter(limit, { queue: "default", id: `m${index}`, enqueuedAt: 1000 + index, key: "" }),
  );
  await Promise.all(pipeline);
  expect(await time(10_000)).toBeLessThan(5 * early + 50);
});
