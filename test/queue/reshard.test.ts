import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { createCatalogue, defineTask } from "#task";
import { findQueue } from "../../src/queue/broker.ts";
import type { ShardKeys } from "../../src/queue/keys.ts";
import { slotOf } from "../../src/queue/shards.ts";
import { beginMove } from "../support/move-slot.ts";
import { type ClusterNode, type OwnCluster, startOwnCluster } from "../support/own-cluster.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

const runs = new Map<string, number>();
const counted = defineTask({
  name: "test.counted",
  queue: "default",
  input: z.strictObject({}),
  output: z.null(),
  async run(_input, { job, progress }) {
    runs.set(job.id, (runs.get(job.id) ?? 0) + 1);
    await progress({ fraction: 1, message: "" });
    return null;
  },
});
const catalogue = createCatalogue([counted]);

let cluster: OwnCluster;
let world: World;
beforeAll(async () => {
  cluster = await startOwnCluster({ masters: 2 });
  const options = { catalogue, timeout: "30s" } as const;
  const ownCluster = { cluster: cluster.addresses };
  world = await createWorld({ ownCluster, shards: 2, callsOnly: true, client: options });
  // A worker writes the settings of queues, which the user client may not.
  await (await world.worker({ queues: ["default"], catalogue })).stop();
});
afterAll(async () => {
  await world?.close();
  await cluster?.remove();
});

/** Calls of every kind one after the other until it is told to stop, and what each came to. */
function load() {
  const client = world.connect({ catalogue, timeout: "30s" });
  const made: Promise<string>[] = [];
  const faults: string[] = [];
  let going = true;
  let acknowledged = 0;
  const kinds = [
    () => ({}),
    () => ({ delay: "20ms" }),
    () => ({ priority: 2 }),
    () => ({ deduplication: { key: randomUUID() } }),
    () => ({ idempotencyKey: randomUUID() }),
  ];
  const one = async (number: number) => {
    const job = await client.enqueue("test.counted" as never, {} as never, kinds[number % kinds.length]?.());
    acknowledged += 1;
    await job.result({ timeout: "30s" });
    return `${job.id}`;
  };
  const done = (async () => {
    for (let number = 0; going; number += 1) {
      const call = one(number);
      call.catch((fault) => faults.push(String(fault)));
      made.push(call);
      await sleep(10);
    }
  })();
  return {
    faults,
    async more(count: number) {
      const from = acknowledged;
      await eventually(`${count} more calls`, () => acknowledged >= from + count);
    },
    async end() {
      going = false;
      await done;
      const ended = await Promise.allSettled(made);
      await client.close();
      return ended.flatMap((call) => (call.status === "fulfilled" ? [call.value] : []));
    },
  };
}

/** The slot of a shard, the master that has it, and the other one. */
function placeOf(shard: number): [slot: number, from: ClusterNode, to: ClusterNode] {
  const slot = slotOf(world.broker.keys.shards[shard]?.prefix.slice(1, -1) ?? "");
  const [first, second] = cluster.masters as [ClusterNode, ClusterNode];
  return shard === 0 ? [slot, first, second] : [slot, second, first];
}

test.each([0, 1])(
  "the slot of shard %i is moved to another master and back, under load: callers see nothing of it, and each job runs once",
  async (shard) => {
    // A lock that outlives every wait: what runs twice was then not only late.
    const running = await world.worker({ queues: ["default"], catalogue, lockDuration: 60_000 });
    const [slot, one, other] = placeOf(shard);
    const calls = load();
    await calls.more(50);
    expect(await (await beginMove(cluster, slot, one, other)).end(20)).toBeGreaterThan(10);
    await calls.more(50);
    expect(await (await beginMove(cluster, slot, other, one)).end(20)).toBeGreaterThan(10);
    await calls.more(50);
    const ids = await calls.end();
    expect(calls.faults).toEqual([]);
    expect(ids.length).toBeGreaterThan(50);
    expect(ids.filter((id) => runs.get(id) !== 1)).toEqual([]);
    await running.stop();
  },
);

test("a script that reads what it did not name waits until its slot has moved, and has done nothing before", async () => {
  const { redis, keys } = world.broker;
  const [home] = keys.shards as [ShardKeys];
  const [count, other] = [home.of("default", "count"), home.of("default", "other")];
  await redis.mset(count, 0, other, "here");
  redis.defineCommand("testCount", {
    numberOfKeys: 1,
    lua: 'redis.call("incr", KEYS[1]) return redis.call("get", ARGV[1])',
  });
  const counting = redis as unknown as { testCount(key: string, other: string): Promise<string> };
  const [slot, from, to] = placeOf(0);
  const there = await beginMove(cluster, slot, from, to);
  await there.keys(other);
  const [counted, inPipeline] = [
    counting.testCount(count, other),
    (redis.pipeline() as unknown as { testCount(...keys: string[]): { exec(): Promise<unknown> } })
      .testCount(count, other)
      .exec(),
  ];
  await sleep(500);
  expect(await redis.get(count)).toBe("0");
  await there.end();
  expect(await counted).toBe("here");
  expect(await inPipeline).toEqual([[null, "here"]]);
  expect(await redis.get(count)).toBe("2");
  await redis.del(count, other);
  await (await beginMove(cluster, slot, to, from)).end();
});

test("a job is found while half of its slot has moved", async () => {
  const { keys } = world.broker;
  const [slot, from, to] = placeOf(1);
  const ids = Array.from({ length: 40 }, (_, number) => `here-${number}`).filter(
    (id) => keys.shardOf(id) === 1,
  );
  const client = world.connect({ catalogue });
  await Promise.all(
    ids.map((id) => client.enqueue("test.counted" as never, {} as never, { id, delay: "1h" })),
  );
  const move = await beginMove(cluster, slot, from, to);
  await move.keys(...ids.slice(0, ids.length / 2).map((id) => keys.job("default", id)));
  for (const id of ids) expect(await findQueue(world.broker, id)).toBe("default");
  await move.end();
  await (await beginMove(cluster, slot, to, from)).end();
  await client.close();
});
