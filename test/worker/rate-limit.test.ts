import { afterEach, beforeEach, expect, test } from "vitest";
import { type Client, createClient } from "#client";
import { setRateLimit } from "../../src/queue/limit-overrides.ts";
import { wakeRateLine } from "../../src/queue/rate-limit.ts";
import { catalogue, type LimitsTasks, onePerHour, readLedger } from "../support/limits-catalogue.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
let client: Client<LimitsTasks>;
beforeEach(async () => {
  world = await createWorld();
  client = createClient<LimitsTasks>({ redis: world.redis, catalogue });
});
afterEach(async () => {
  await client.close();
  await world.close();
});

/** How often jobs of the queue were put aside. */
async function postponements(): Promise<number> {
  const events = await world.broker.redis.xrange(`${world.prefix}:default:events`, "-", "+");
  return events.filter(([, fields]) => fields[fields.indexOf("event") + 1] === "delayed").length;
}

test("five a second over two workers, in order, each job put aside about once", async () => {
  const many = 22;
  const jobs = await client.enqueueMany(
    Array.from({ length: many }, () => ({ task: "limits.five", input: {} }) as const),
  );
  await Promise.all([1, 2].map(() => world.worker({ catalogue, concurrency: 4, queues: ["default"] })));
  await eventually("the first window is full", () => readLedger(world.datasetsDir).length === 10);
  await eventually("the last one waits", async () => (await jobs.at(-1)?.state()) === "scheduled");
  expect(await jobs.at(-1)?.snapshot()).toMatchObject({ attempt: 0, error: undefined });
  const free = await client.enqueue("limits.free", {});
  await Promise.all([free, ...jobs].map((job) => job.result({ timeout: "20s" })));
  const all = readLedger(world.datasetsDir).filter(({ event }) => event === "begin");
  expect(all.at(-1)?.id, "others run meanwhile").not.toBe(free.id);
  const begun = all.filter(({ id }) => id !== free.id);
  expect(begun).toHaveLength(many);
  for (const { at } of begun) {
    // A window's end and the next one's beginning may lie in one second.
    expect(begun.filter((one) => one.at >= at && one.at < at + 1000).length).toBeLessThanOrEqual(10);
  }
  const span = (begun.at(-1)?.at ?? 0) - (begun[0]?.at ?? 0);
  expect(span).toBeGreaterThan(3900);
  expect(span).toBeLessThan(7000);
  expect(await postponements()).toBeLessThanOrEqual(2 * many);
  const order = new Map(jobs.map((job, index) => [job.id, index]));
  for (const [place, { id }] of begun.entries()) {
    expect(Math.abs((order.get(id) ?? Number.NaN) - place)).toBeLessThanOrEqual(12);
  }
  for (const job of jobs) expect((await job.snapshot()).attempt).toBe(1);
});

test("a postponed job still expires, can be cancelled, and holds nobody up then", async () => {
  await world.worker({ catalogue, queues: ["default"] });
  await (await client.enqueue("limits.hourly", {})).result({ timeout: "20s" });
  const late = await client.enqueue("limits.hourly", {}, { expires: 50 });
  const unwanted = await client.enqueue("limits.hourly", {});
  await eventually(
    "both wait",
    async () => (await unwanted.state()) === "scheduled" && (await late.state()) === "scheduled",
  );
  await unwanted.cancel();
  await expect(unwanted.result({ timeout: "20s" })).rejects.toMatchObject({ code: "JOB_CANCELLED" });
  await eventually("the expiry has passed", async () => {
    await wakeRateLine(world.broker, onePerHour.name);
    return (await late.state()) === "expired";
  });
  // Whoever comes now is the first of the line.
  const next = await client.enqueue("limits.hourly", {});
  await eventually("it waits", async () => (await next.state()) === "scheduled");
  const { redis } = world.broker;
  expect(await redis.zrange(`${world.prefix}:rate-line:limits.hourly`, "0", "-1")).toEqual([
    `default:${next.id}`,
  ]);
  const due = (await redis.zscore(`${world.prefix}:default:delayed`, next.id)) as unknown as string;
  expect(Number(due) / 4096 - Date.now()).toBeLessThan(3_600_000);
});

test("a line reckons with whole windows ahead of it", async () => {
  await world.worker({ catalogue, queues: ["default"] });
  const jobs = await client.enqueueMany(
    Array.from({ length: 4 }, () => ({ task: "limits.hourly", input: {} }) as const),
  );
  await eventually(
    "three wait",
    async () =>
      (await Promise.all(jobs.map((job) => job.state()))).filter((state) => state === "scheduled").length ===
      3,
  );
  const due = await Promise.all(
    jobs.slice(1).map((job) => world.broker.redis.zscore(`${world.prefix}:default:delayed`, job.id)),
  );
  const hours = due.map((score) => Math.round((Number(score) / 4096 - Date.now()) / 3_600_000));
  expect(hours.toSorted()).toEqual([1, 2, 3]);
});

test("a rate that an operator set holds instead, also for a task without one, and at once", async () => {
  await setRateLimit(world.broker, "limits.hourly", "off");
  await setRateLimit(world.broker, "limits.free", "1/h");
  await world.worker({ catalogue, queues: ["default"] });
  await (await client.enqueue("limits.hourly", {})).result({ timeout: "20s" });
  await (await client.enqueue("limits.hourly", {})).result({ timeout: "20s" });
  await (await client.enqueue("limits.free", {})).result({ timeout: "20s" });
  const second = await client.enqueue("limits.free", {});
  await eventually("it waits", async () => (await second.state()) === "scheduled");
  await client.control.rateLimit("limits.free", "off");
  await second.result({ timeout: "20s" });
});

test("when the limiter fails the job waits, is never run unlimited, and never lost", async () => {
  const { redis } = world.broker;
  const counter = `${world.prefix}:rate:limits.five:1000`;
  await redis.set(counter, "no number");
  await world.worker({ catalogue, queues: ["default"] });
  const job = await client.enqueue("limits.five", {});
  await eventually("it was put aside", async () => (await postponements()) >= 2);
  expect(readLedger(world.datasetsDir)).toEqual([]);
  await redis.del(counter);
  await job.result({ timeout: "20s" });
  expect((await job.snapshot()).attempt).toBe(1);
});
