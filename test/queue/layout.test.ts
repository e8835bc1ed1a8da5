import { randomUUID } from "node:crypto";
import { afterEach, expect, inject, test } from "vitest";
import { type Broker, openBroker } from "../../src/queue/broker.ts";
import type { RedisSettings } from "../../src/queue/connection.ts";
import { readRedisId } from "../../src/queue/redis-id.ts";

let open: Broker[] = [];
afterEach(async () => {
  for (const broker of open) {
    await broker.redis.del(broker.keys.layout);
    await broker.redis.del(broker.keys.redisId);
    await broker.close();
  }
  open = [];
});

const connect = async (settings: RedisSettings): Promise<Broker> => {
  const broker = await openBroker({ redis: settings, connectDeadline: 5000 });
  open.push(broker);
  return broker;
};
const places: [string, () => RedisSettings][] = [
  ["one Redis", () => ({ url: inject("redisUrl"), prefix: `test-${randomUUID().slice(0, 8)}` })],
  ["a cluster", () => ({ cluster: inject("redisCluster"), prefix: `test-${randomUUID().slice(0, 8)}` })],
];

test.each(places)("%s keeps to the number of shards that it was begun with", async (_name, place) => {
  const settings = place();
  const first = await connect({ ...settings, shards: 3 });
  expect(first.shards).toHaveLength(3);
  await connect({ ...settings, shards: 3 });
  for (const shards of [2, 4]) {
    await expect(connect({ ...settings, shards })).rejects.toMatchObject({
      code: "REDIS_LAYOUT",
      field: "REDIS_SHARDS",
      value: 3,
      hint: expect.stringContaining("REDIS_SHARDS=3"),
    });
  }
});

test("who forgets the shards of one Redis is refused, and so are shards where keys lie without", async () => {
  const [, place] = places[0] as (typeof places)[0];
  const settings = place();
  await connect({ ...settings, shards: 3 });
  await expect(connect(settings)).rejects.toMatchObject({ code: "REDIS_LAYOUT" });
  const other = place();
  await readRedisId(await connect(other));
  await expect(connect({ ...other, shards: 3 })).rejects.toMatchObject({
    code: "REDIS_LAYOUT",
    hint: expect.stringContaining("leave REDIS_SHARDS out"),
  });
});

test("a cluster's node is no Redis, and a Redis is no cluster: both are told so at once", async () => {
  const [node] = inject("redisCluster");
  await expect(connect({ host: node?.host, port: node?.port })).rejects.toMatchObject({
    code: "REDIS_LAYOUT",
    hint: expect.stringContaining("REDIS_CLUSTER"),
  });
  const { hostname: host, port } = new URL(inject("redisUrl"));
  await expect(connect({ cluster: [{ host, port: Number(port) }] })).rejects.toMatchObject({
    code: "REDIS_UNAVAILABLE",
    hint: expect.stringContaining("it is no cluster"),
  });
});

test("a cluster that is not there: a clear error after a bounded wait", async () => {
  const cluster = [{ host: "127.0.0.1", port: 1 }];
  await expect(openBroker({ redis: { cluster }, connectDeadline: 300 })).rejects.toMatchObject({
    code: "REDIS_UNAVAILABLE",
    message: expect.stringContaining("127.0.0.1:1"),
  });
});

test("in a cluster there are twelve shards unless another number is asked for", async () => {
  const [, place] = places[1] as (typeof places)[1];
  const broker = await connect(place());
  expect(broker.shards).toHaveLength(12);
});

test("a cluster has one clock: that of the node that has what there is once", async () => {
  const [, place] = places[1] as (typeof places)[1];
  const broker = await connect(place());
  const times = await Promise.all(Array.from({ length: 20 }, () => broker.redis.time()));
  for (const [seconds] of times) expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(60);
});
