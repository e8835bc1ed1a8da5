import { afterEach, beforeEach, expect, test } from "vitest";
import { type Client, createClient } from "#client";
import {
  catalogue,
  catalogueUrl,
  type LedgerEntry,
  type LimitsTasks,
  readLedger,
} from "../support/limits-catalogue.ts";
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

/** How many ran at once at most, by `of`. */
function most(entries: readonly LedgerEntry[], of: (entry: LedgerEntry) => string): number {
  const running = new Map<string, number>();
  let highest = 0;
  for (const entry of entries) {
    const now = (running.get(of(entry)) ?? 0) + (entry.event === "begin" ? 1 : -1);
    running.set(of(entry), now);
    highest = Math.max(highest, now);
  }
  return highest;
}

test("no more than the limit run at once over several workers, and all slots are used", async () => {
  await Promise.all([1, 2, 3].map(() => world.worker({ catalogue, concurrency: 4, queues: ["default"] })));
  const call = { task: "limits.two", input: { milliseconds: 20 } } as const;
  const jobs = await client.enqueueMany(Array.from({ length: 30 }, () => call));
  await Promise.all(jobs.map((job) => job.result({ timeout: "30s" })));
  const ledger = readLedger(world.datasetsDir);
  expect(ledger).toHaveLength(60);
  expect(most(ledger, () => "")).toBe(2);
  for (const job of jobs) expect((await job.snapshot()).attempt).toBe(1);
  // Nothing is left behind but the counter of turns.
  const left = await world.broker.redis.keys(`${world.prefix}:concurrency:*`);
  expect(left).toEqual([`${world.prefix}:concurrency:limits.two:turn`]);
});

test("a waiting job is scheduled, and gives its worker's slot to others", async () => {
  await world.worker({ catalogue, concurrency: 3, queues: ["default"], shutdownTimeout: 0 });
  const long = await client.enqueueMany(
    Array.from({ length: 3 }, () => ({ task: "limits.two", input: { milliseconds: 20_000 } }) as const),
  );
  const states = () => Promise.all(long.map((job) => job.state()));
  await eventually(
    "two run, one waits",
    async () => (await states()).toSorted().join() === "active,active,scheduled",
  );
  const other = await client.enqueue("limits.free", {});
  await other.result({ timeout: "20s" });
  // A cancelled waiter holds nobody up, and whoever waits behind it starts when a slot is free.
  const behind = await client.enqueue("limits.two", {});
  const index = (await states()).indexOf("scheduled");
  await long[index]?.cancel();
  await long[(index + 1) % 3]?.cancel();
  await behind.result({ timeout: "20s" });
});

test("keys take turns: 200 jobs of 4 keys, one of each at a time", async () => {
  const keys = ["a", "b", "c", "d"];
  // The worst order: all of one key first.
  const calls = keys.flatMap((key) =>
    Array.from({ length: 50 }, () => ({ task: "limits.key", input: { key, milliseconds: 2 } }) as const),
  );
  const jobs = await client.enqueueMany(calls);
  await Promise.all([1, 2].map(() => world.worker({ catalogue, concurrency: 4, queues: ["default"] })));
  await Promise.all(jobs.map((job) => job.result({ timeout: "60s" })));
  const ledger = readLedger(world.datasetsDir);
  expect(ledger).toHaveLength(400);
  expect(most(ledger, ({ key }) => key)).toBe(1);
  const begun = ledger.filter(({ event }) => event === "begin").map(({ key }) => key);
  // Without fairness the last key would begin after 150 others; the first round costs the look at the whole backlog.
  expect(begun.indexOf("d")).toBeLessThan(100);
  const after = begun.slice(begun.indexOf("d"));
  for (const key of ["b", "c", "d"]) {
    const places = after.flatMap((one, place) => (one === key ? [place] : []));
    const gaps = places.slice(1).map((place, index) => place - (places[index] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(25);
  }
  // Within a key the oldest goes first, give or take those that several slots look at together.
  const order = new Map(jobs.map((job, index) => [job.id, index]));
  const ofA = ledger
    .filter(({ event, key }) => event === "begin" && key === "a")
    .map(({ id }) => order.get(id) ?? -1);
  for (const [place, index] of ofA.entries()) expect(Math.abs(index - place)).toBeLessThanOrEqual(16);
});

test("a total over all keys binds as well, and one key's crowd does not starve another", async () => {
  const crowd = await client.enqueueMany(
    Array.from(
      { length: 40 },
      () => ({ task: "limits.both", input: { key: "crowd", milliseconds: 50 } }) as const,
    ),
  );
  await world.worker({ catalogue, concurrency: 8, queues: ["default"] });
  await eventually("the crowd runs", () => readLedger(world.datasetsDir).length > 4);
  const one = await client.enqueue("limits.both", { key: "one" });
  await Promise.all([one, ...crowd].map((job) => job.result({ timeout: "30s" })));
  const begun = readLedger(world.datasetsDir).filter(({ event }) => event === "begin");
  expect(begun.at(-1)?.key, "the crowd is not over").toBe("crowd");
  expect(most(readLedger(world.datasetsDir), ({ key }) => key)).toBe(1);
});

test("workers that are killed never let more run than the limit, and their jobs run to the end", async () => {
  const environment = {
    LOVAGE_TEST_CATALOGUE: catalogueUrl,
    WORKER_LOCK_DURATION: "1s",
    WORKER_QUEUES: "default",
    DEFAULT_CONCURRENCY: "3",
  };
  const start = () => world.workerProcess(environment);
  let workers = await Promise.all([start(), start(), start()]);
  const jobs = await client.enqueueMany(
    Array.from({ length: 30 }, () => ({ task: "limits.two", input: { milliseconds: 150 } }) as const),
  );
  const killedAt: number[] = [];
  for (const round of [1, 2]) {
    await eventually("jobs run", () => readLedger(world.datasetsDir).length > round * 8);
    const [victim, ...others] = workers;
    killedAt.push(Date.now());
    await victim?.kill();
    workers = [...others, await start()];
  }
  const ids = await Promise.all(jobs.map((job) => job.result({ timeout: "60s" })));
  expect(new Set(ids).size).toBe(30);
  const ledger = readLedger(world.datasetsDir);
  // What a killed worker ran ended with it: its end is the kill, which comes before whatever begins later.
  const ended = new Set<string>();
  const runs = ledger.flatMap((entry, index) => {
    if (entry.event === "end") return [];
    const rest = ledger.slice(index + 1);
    const end = rest.find((one) => one.id === entry.id);
    ended.add(entry.id);
    const killed = end === undefined || end.event === "begin";
    const endedAt = killed ? (killedAt.find((at) => at >= entry.at) ?? Number.NaN) : end.at;
    return [{ from: entry.at, to: endedAt }];
  });
  expect(ended.size).toBe(30);
  for (const { from } of runs) {
    expect(runs.filter((other) => other.from <= from && from < other.to).length).toBeLessThanOrEqual(2);
  }
});

test("a job handed back goes on with its own slot", async () => {
  const first = await world.worker({ catalogue, queues: ["default"], shutdownTimeout: 0 });
  const jobs = await client.enqueueMany(
    Array.from({ length: 3 }, () => ({ task: "limits.two", input: { milliseconds: 600 } }) as const),
  );
  await eventually("two run", () => readLedger(world.datasetsDir).length === 2);
  await first.stop();
  const held = await world.broker.redis.zrange(`${world.prefix}:concurrency:limits.two:slots`, "0", "-1");
  expect(held).toHaveLength(2);
  await world.worker({ catalogue, queues: ["default"] });
  await Promise.all(jobs.map((job) => job.result({ timeout: "10s" })));
  const again = readLedger(world.datasetsDir)
    .filter(({ event }) => event === "begin")
    .slice(2, 4);
  expect(again.map(({ id }) => `default:${id}`).toSorted()).toEqual(held.toSorted());
});

test("a slot that is left while its next holder is just being put aside is not lost", async () => {
  await Promise.all([1, 2].map(() => world.worker({ catalogue, concurrency: 2, queues: ["default"] })));
  const pairs = Array.from({ length: 150 }, (_, index) => [`${index}`, `${index}`]).flat();
  const jobs = await client.enqueueMany(
    pairs.map((key) => ({ task: "limits.key", input: { key, milliseconds: 1 } }) as const),
  );
  // A lost one would wait for its lease of ten seconds to run out.
  await Promise.all(jobs.map((job) => job.result({ timeout: "8s" })));
});

test("a wake that is lost is made up for", async () => {
  const { redis } = world.broker;
  await world.worker({ catalogue, queues: ["default"], concurrency: 3, lockDuration: 1000 });
  const jobs = await client.enqueueMany(
    Array.from({ length: 3 }, () => ({ task: "limits.two", input: { milliseconds: 400 } }) as const),
  );
  const base = `${world.prefix}:concurrency:limits.two`;
  const [waiter] = await eventually("one waits", async () => {
    const line = await redis.zrange(`${base}:line:`, "0", "-1");
    return line.length === 1 && line;
  });
  // As if who left a slot had died between granting it and waking the waiter.
  await redis.zrem(`${base}:line:`, waiter ?? "");
  await redis.zadd(`${base}:slots`, Date.now() + 500, waiter ?? "");
  await redis.hset(`${base}:unclaimed`, waiter ?? "", "1");
  await Promise.all(jobs.map((job) => job.result({ timeout: "1s" }).catch(() => {})));
  // The next who asks finds the lease run out.
  const next = await client.enqueue("limits.two", {});
  await next.result({ timeout: "10s" });
  await Promise.all(jobs.map((job) => job.result({ timeout: "10s" })));
});
