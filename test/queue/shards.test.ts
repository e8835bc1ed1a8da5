import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { expect, inject, test } from "vitest";
import { callId } from "../../src/queue/call-id.ts";
import { scheduledId } from "../../src/queue/firing.ts";
import { createKeys } from "../../src/queue/keys.ts";
import { createShardMap, slotOf } from "../../src/queue/shards.ts";

test("one shard has the keys that there always were", () => {
  const keys = createKeys("lovage");
  expect(keys.job("data", "one")).toBe("lovage:data:one");
  expect(keys.manifests).toBe("lovage:tasks");
  expect(keys.placeOf("lovage:data:one~2")).toEqual({ queue: "data", id: "one~2" });
});

test.each([1, 2, 3, 6, 12, 64])("%i shards lie evenly in the slots, as Redis counts them", async (count) => {
  const redis = new Redis(inject("redisCluster")[0] as { host: string; port: number });
  const map = createShardMap("lovage", count, true);
  const slots = await Promise.all(
    map.prefixes.map((prefix) => redis.call("CLUSTER", "KEYSLOT", `${prefix}:data:wait`)),
  );
  redis.disconnect();
  expect(slots.map((slot) => Math.floor((Number(slot) * count) / 16_384))).toEqual(
    Array.from({ length: count }, (_, at) => at),
  );
  expect(slots).toEqual(map.prefixes.map((prefix) => slotOf(prefix.slice(1, -1))));
});

test("what is made from a job is where that is, however often", () => {
  const keys = createKeys("lovage", createShardMap("lovage", 12, true));
  for (let round = 0; round < 50; round += 1) {
    let id: string = randomUUID();
    const shard = keys.shardOf(id);
    for (let depth = 0; depth < 60; depth += 1) {
      id = callId(keys, id, 10 * depth);
      expect(keys.shardOf(id)).toBe(shard);
      expect(keys.placeOf(keys.job("ml", id))).toEqual({ queue: "ml", id });
    }
    expect(id.length).toBeLessThanOrEqual(128);
    for (const suffix of ["success", "failure", "replay-1"])
      expect(keys.shardOf(`${id}~${suffix}`)).toBe(shard);
  }
});

test("a schedule's jobs are at home, with their calls", () => {
  const keys = createKeys("lovage", createShardMap("lovage", 12, true));
  for (const name of ["nightly", "x".repeat(200), "a.b-c"]) {
    for (const at of [0, 1_795_594_202_937, 1_795_594_202_000]) {
      const id = scheduledId(name, at);
      expect(keys.shardOf(id)).toBe(0);
      expect(keys.shardOf(callId(keys, id, 7))).toBe(0);
    }
  }
});

test("ids spread evenly, also those that are counted", () => {
  const map = createShardMap("lovage", 12, true);
  for (const make of [() => randomUUID(), (index: number) => `order-${index}`]) {
    const counts = new Array<number>(12).fill(0);
    for (let index = 0; index < 12_000; index += 1) {
      const shard = map.of(make(index));
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    // Five times the standard deviation.
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(152);
  }
});

test.each([0, 65, 1.5])("%d shards are refused", (count) => {
  expect(() => createShardMap("lovage", count, true)).toThrow(
    expect.objectContaining({ code: "INPUT_INVALID", field: "shards" }),
  );
});
