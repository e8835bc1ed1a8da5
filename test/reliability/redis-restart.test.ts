import { afterAll, beforeAll, expect, test } from "vitest";
import { startOwnRedis } from "../support/own-redis.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let redis: Awaited<ReturnType<typeof startOwnRedis>>;
let world: World;
beforeAll(async () => {
  redis = await startOwnRedis();
  world = await createWorld({ redisUrl: redis.url });
});
afterAll(async () => {
  await world.close();
  await redis.remove();
});

test("Redis is restarted under load: workers go on by themselves, nothing acknowledged is lost", async () => {
  await world.workerProcess();
  await world.workerProcess();
  const answering = async () => (await world.client.inspect.ping()).answers.length;
  expect(await answering()).toBe(2);
  const acknowledged: string[] = [];
  let refused = 0;
  let enqueuing = true;
  const load = (async () => {
    for (let number = 0; enqueuing; number += 1) {
      const id = `load-${number}`;
      try {
        await world.client.enqueue("test.echo", { text: id }, { id });
        acknowledged.push(id);
      } catch (error) {
        expect(error).toMatchObject({ code: "REDIS_UNAVAILABLE" });
        refused += 1;
      }
    }
  })();
  for (const restart of [redis.restart, redis.restart]) {
    const before = acknowledged.length;
    await eventually("some jobs are acknowledged", () => acknowledged.length > before + 200);
    await restart();
  }
  const before = acknowledged.length;
  await eventually("jobs are acknowledged again", () => acknowledged.length > before + 200, 60_000);
  enqueuing = false;
  await load;
  const waiting = await eventually(
    "all queues are empty",
    async () => {
      const [, , queue] = await world.client.inspect.queues().catch(() => []);
      return queue !== undefined && queue.waiting + queue.active + queue.scheduled === 0 && queue;
    },
    60_000,
  );
  expect(waiting.failed).toBe(0);
  const states = await Promise.all(
    acknowledged.map(async (id) => (await (await world.client.get(id)).snapshot()).state),
  );
  expect(states.filter((state) => state !== "completed")).toEqual([]);
  expect(acknowledged.length).toBeGreaterThan(600);
  // Calls during a restart wait for Redis; only one that waited out its timeout is refused.
  expect(refused).toBeLessThanOrEqual(2);
  await eventually("both workers answer questions again", async () => (await answering()) === 2, 10_000);
}, 180_000);
