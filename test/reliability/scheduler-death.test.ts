import { afterEach, beforeEach, expect, test } from "vitest";
import { startOwnRedis } from "../support/own-redis.ts";
import { createWorld, eventually, type WorkerProcess, type World } from "../support/world.ts";

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const catalogue = new URL("../support/ticking-catalogue.ts", import.meta.url).href;

function scheduler(lease?: number): Promise<WorkerProcess> {
  const settings = { LOVAGE_TEST_CATALOGUE: catalogue, ...(lease && { LOVAGE_TEST_LEASE: String(lease) }) };
  return world.workerProcess(settings, "scheduler-process.ts");
}

/** The times for which jobs were made, with repetitions; read from the stream of events, which removal leaves alone. */
async function madeTimes({ broker }: Pick<World, "broker"> = world): Promise<number[]> {
  const { redis, keys } = broker;
  const events = await redis.xrange(keys.at("").events("default"), "-", "+");
  return events.flatMap(([, fields]) => {
    const event = Object.fromEntries(
      fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1]]] : [])),
    );
    if (event["event"] !== "added") return [];
    const [, time = ""] = String(event["jobId"]).split("~");
    return [Date.parse(time.replace(/(....)(..)(..)T(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6Z"))];
  });
}

const acts = (process: WorkerProcess) => process.output().includes("this scheduler acts");
const count = async () => (await madeTimes()).length;

/** No time twice, and none left out. */
async function expectEachOnce(of: World = world): Promise<void> {
  const times = await madeTimes(of);
  expect(times.length).toBeGreaterThan(0);
  const first = times[0] ?? 0;
  expect(times).toEqual(times.map((_time, index) => first + index * 1000));
}

test("the acting scheduler is killed: another takes over within 15 s, no time is fired for twice or left out", async () => {
  const first = await scheduler();
  await eventually("the first acts", () => acts(first));
  const second = await scheduler();
  expect(acts(second)).toBe(false);
  await eventually("it fires", async () => (await count()) >= 2);
  await first.kill();
  const killed = Date.now();
  await eventually("the other acts", () => acts(second), 20_000);
  expect(Date.now() - killed).toBeLessThan(15_000);
  const before = await count();
  await eventually("it has made up, and goes on", async () => (await count()) >= before + 8, 20_000);
  await expectEachOnce();
}, 60_000);

test("a scheduler that stops gives the lease to the next at once", async () => {
  const first = await scheduler();
  const second = await scheduler();
  await first.stop();
  const stopped = Date.now();
  await eventually("the other acts", () => acts(second));
  expect(Date.now() - stopped).toBeLessThan(5000);
  await eventually("it fires", async () => (await count()) >= 2);
  await expectEachOnce();
});

test("a scheduler that slept wakes up to find another acting, and fires nothing", async () => {
  const first = await scheduler(1000);
  const second = await scheduler(1000);
  for (let round = 0; round < 3; round += 1) {
    const [acting, other] = round % 2 === 0 ? [first, second] : [second, first];
    const terms = () => other.output().split("this scheduler acts").length;
    const before = terms();
    acting.process.kill("SIGSTOP");
    await eventually("the other acts", () => terms() > before);
    const made = await count();
    await eventually("it fires", async () => (await count()) >= made + 2);
    acting.process.kill("SIGCONT");
    await eventually("the one that slept knows", () => {
      const lines = acting.output().split("\n");
      return lines.findLast((line) => /act/.test(line))?.includes("another scheduler acts");
    });
  }
  await eventually("it goes on", async () => (await count()) >= 10);
  await expectEachOnce();
}, 60_000);

test("Redis is restarted: the scheduler goes on by itself, each time once", async () => {
  const redis = await startOwnRedis();
  const other = await createWorld({ redisUrl: redis.url });
  try {
    const settings = { LOVAGE_TEST_CATALOGUE: catalogue };
    const scheduler = await other.workerProcess(settings, "scheduler-process.ts");
    await eventually("it fires", async () => (await madeTimes(other)).length >= 2);
    await redis.restart();
    const before = (await madeTimes(other)).length;
    await eventually("it fires again", async () => (await madeTimes(other)).length >= before + 4, 40_000);
    await expectEachOnce(other);
    redis.pause();
    await scheduler.stop();
    redis.resume();
  } finally {
    await other.close();
    await redis.remove();
  }
}, 90_000);
