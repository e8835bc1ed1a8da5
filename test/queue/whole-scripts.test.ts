import { randomUUID } from "node:crypto";
import { expect, inject, test } from "vitest";
import { openBroker } from "../../src/queue/broker.ts";

test("a transaction that was given up is done as a whole the next time, its scripts too", async () => {
  const prefix = `test-${randomUUID().slice(0, 8)}`;
  const { redis, close } = await openBroker({ redis: { url: inject("redisUrl"), prefix } });
  const [watched, count, other] = ["watched", "count", "other"].map((name) => `${prefix}:${name}`) as [
    string,
    string,
    string,
  ];
  // Unknown to this Redis until it has run.
  redis.defineCommand("testCount", {
    numberOfKeys: 1,
    lua: `return redis.call("incr", KEYS[1]) -- ${prefix}`,
  });
  const transact = () =>
    (redis.multi() as unknown as { testCount(key: string): ReturnType<typeof redis.multi> })
      .testCount(count)
      .set(other, "done")
      .exec();
  await redis.watch(watched);
  await redis.set(watched, "changed");
  expect(await transact()).toBeNull();
  await redis.watch(watched);
  expect(await transact()).toEqual([
    [null, 1],
    [null, "OK"],
  ]);
  await redis.del(watched, count, other);
  await close();
});
