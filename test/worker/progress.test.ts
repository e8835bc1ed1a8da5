import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import * as z from "zod";
import { createClient } from "#client";
import { createCatalogue, defineTask, defineWorkflow, type TaskContext, type TasksOf } from "#task";
import type { LocalRedis } from "../../src/dev/valkey.ts";
import { startOwnRedis } from "../support/own-redis.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

const reports = 10_000;

/** Reports so many times, spread over a second. */
const flood = defineTask({
  name: "flood.flood",
  queue: "default",
  input: z.strictObject({ awaited: z.boolean() }),
  output: z.null(),
  retry: { attempts: 1 },
  async run({ awaited }, context) {
    let told = 0;
    for (let part = 1; part <= 100; part += 1) {
      const rest = sleep(10);
      for (; told < (part * reports) / 100; told += 1) {
        const reported = report(context, told + 1);
        if (awaited) await reported;
      }
      await rest;
    }
    return null;
  },
});

const ends = defineTask({
  name: "flood.ends",
  queue: "default",
  input: z.strictObject({}),
  output: z.null(),
  retry: { attempts: 2, backoff: 10 },
  async run(_input, context) {
    for (let value = 1; value <= 3; value += 1) await report(context, context.job.attempt * 10 + value);
    throw new Error("after the last report");
  },
});

let gate = Promise.withResolvers<void>();
const gated = defineTask({
  name: "flood.gated",
  queue: "default",
  input: z.strictObject({}),
  output: z.null(),
  async run(_input, context) {
    await report(context, 1);
    await gate.promise;
    await report(context, 2);
    await report(context, 3);
    return null;
  },
});

const parks = defineWorkflow({
  name: "flood.parks",
  queue: "default",
  input: z.strictObject({}),
  output: z.null(),
  async run(_input, context) {
    for (let value = 1; value <= 3; value += 1)
      await context.progress({ fraction: null, message: `${value}` });
    await context.sleep("1h");
    return null;
  },
});

const catalogue = createCatalogue([flood, ends, gated, parks]);
type FloodTasks = TasksOf<typeof catalogue>;

function report(context: Pick<TaskContext, "progress">, value: number): Promise<void> {
  return context.progress({ fraction: value / reports, message: `${value}` });
}

let redis: LocalRedis & { remove(): Promise<void> };
let world: World;
let client: ReturnType<typeof createClient<FloodTasks>>;
beforeEach(async () => {
  // Its commands are counted, so nobody else may send any.
  redis = await startOwnRedis({ appendOnly: false });
  world = await createWorld({ redisUrl: redis.url });
  client = createClient<FloodTasks>({ redis: world.redis });
  gate = Promise.withResolvers();
});
afterEach(async () => {
  gate.resolve();
  await client.close();
  await world.close();
  await redis.remove();
});

test.each([{ awaited: true }, { awaited: false }])(
  "ten thousand reports in a second are few writes, the last one kept: $awaited",
  async ({ awaited }) => {
    await world.worker({ catalogue, queues: ["default"] });
    await world.broker.redis.config("RESETSTAT");
    const job = await client.enqueue("flood.flood", { awaited });
    const seen = (await Array.fromAsync(job.progress())).map(({ message }) => Number(message));
    expect(seen.length).toBeGreaterThan(2);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(reports);
    expect(await job.result({ timeout: "10s" })).toBeNull();
    expect((await job.snapshot()).progress).toEqual({ fraction: 1, message: `${reports}` });
    const told = await eventsOf(job.id);
    expect(told.slice(-2)).toEqual([`progress ${reports}`, "completed"]);
    const stats = await world.broker.redis.info("commandstats");
    // A slow machine takes longer, and may write more.
    expect(Number(/cmdstat_xadd:calls=(\d+)/.exec(stats)?.[1])).toBeLessThan(reports / 50);
  },
);

test("what was reported last is there before each end: of an attempt, of the job, of a workflow's turn", async () => {
  await world.worker({ catalogue, queues: ["default"] });
  const job = await client.enqueue("flood.ends", {});
  await expect(job.result({ timeout: "10s" })).rejects.toMatchObject({ message: "after the last report" });
  const told = (await eventsOf(job.id)).filter((event) => !/waiting|added|active|exhausted/.test(event));
  expect(told).toEqual(["progress 11", "progress 13", "delayed", "progress 21", "progress 23", "failed"]);
  const workflow = await client.enqueue("flood.parks", {});
  await eventually("it is parked", async () => (await workflow.state()) === "waiting-children");
  expect((await workflow.snapshot()).progress?.message).toBe("3");
});

test("a job whose lock was lost writes no progress", async () => {
  const worker = await world.worker({ catalogue, queues: ["default"], lockDuration: 30_000 });
  const job = await client.enqueue("flood.gated", {});
  await eventually("it reported", async () => (await job.snapshot()).progress?.message === "1");
  await world.broker.redis.set(world.broker.keys.lock("default", job.id), "another worker's");
  gate.resolve();
  await worker.stop();
  expect(await eventsOf(job.id)).toEqual(expect.not.arrayContaining(["progress 2", "progress 3"]));
  expect((await job.snapshot()).progress?.message).toBe("1");
});

/** What the queue's stream tells of a job, in its order. */
async function eventsOf(id: string): Promise<string[]> {
  const { redis: connection, keys } = world.broker;
  const entries = await connection.xrange(keys.at(id).events("default"), "-", "+");
  return entries.flatMap(([, fields]) => {
    const told = Object.fromEntries(
      Array.from({ length: fields.length / 2 }, (_, at) => [fields[2 * at], fields[2 * at + 1]]),
    );
    if (told["jobId"] !== id) return [];
    return told["event"] === "progress"
      ? `progress ${JSON.parse(told["data"] ?? "").message}`
      : (told["event"] ?? "");
  });
}
