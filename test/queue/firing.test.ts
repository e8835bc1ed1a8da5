import { afterEach, beforeEach, expect, test } from "vitest";
import { scheduledId, settle } from "../../src/queue/firing.ts";
import { createFiringPump, type FiringPump } from "../../src/queue/firing-pump.ts";
import { createLease } from "../../src/queue/lease.ts";
import type { ScheduleSpec } from "../../src/queue/schedule-record.ts";
import { putSchedule, readSchedule } from "../../src/queue/schedules.ts";
import type { EnqueueGate } from "../../src/task/enqueue-hooks.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
const pumps: FiringPump[] = [];
beforeEach(async () => {
  world = await createWorld();
});
afterEach(async () => {
  await Promise.all(pumps.splice(0).map((pump) => pump.close()));
  await world.close();
});

const hour = 3_600_000;
const spec: ScheduleSpec = {
  target: { name: "test.echo", queue: "default", retry: { attempts: 1 } },
  description: "",
  timing: { every: hour },
  start: null,
  end: null,
  limit: null,
  jitter: 0,
  overlap: "allow",
  missed: "once",
  input: {},
  options: {},
};

function pumpOf(gate?: EnqueueGate): FiringPump {
  const pump = createFiringPump(world.broker, gate);
  pumps.push(pump);
  return pump;
}

const refuse = () => {
  throw new Error("nothing is to be refused");
};

/** A schedule that is due, as the holder of a lease sees it. */
async function dueSchedule(name = "hourly"): Promise<{ term: number; time: number }> {
  const { broker } = world;
  await putSchedule(broker, { origin: "made" }, name, spec, "create", undefined);
  const time = Date.now() - (Date.now() % hour);
  await broker.redis.hset(broker.keys.schedule(name), "next", time, "due", time);
  await broker.redis.zadd(broker.keys.schedules, time, name);
  return { term: await createLease(broker, "me", 60_000).take(), time };
}

async function fire(term: number, time: number, name = "hourly"): Promise<boolean> {
  const record = await readSchedule(world.broker, name);
  return settle(
    world.broker,
    term,
    record,
    { fire: time, queue: null, skipped: 0, settled: time },
    Date.now(),
  );
}

async function addedIds(): Promise<string[]> {
  const events = await world.broker.redis.xrange(world.broker.keys.at("").events("default"), "-", "+");
  return events.flatMap(([, fields]) => {
    const at = fields.indexOf("jobId");
    return fields.includes("added") ? [String(fields[at + 1])] : [];
  });
}

test("a time is claimed once, under the present term only", async () => {
  const { term, time } = await dueSchedule();
  const record = await readSchedule(world.broker, "hourly");
  const decision = { fire: time, queue: null, skipped: 0, settled: time };
  expect(await settle(world.broker, term + 1, record, decision, Date.now())).toBe(false);
  expect(await settle(world.broker, term, record, decision, Date.now())).toBe(true);
  expect(await settle(world.broker, term, record, decision, Date.now())).toBe(false);
  expect(await readSchedule(world.broker, "hourly")).toMatchObject({ fired: 1, next: time + hour });
});

test("a lease that ran out is over, even for who had it last and when nobody took it", async () => {
  const { term, time } = await dueSchedule();
  await world.broker.redis.del(world.broker.keys.schedulerLease);
  expect(await fire(term, time)).toBe(false);
  const next = await createLease(world.broker, "me", 60_000).take();
  expect(next).toBeGreaterThan(term);
  expect(await fire(term, time)).toBe(false);
  expect(await fire(next, time)).toBe(true);
});

test("nothing is fired for before its time by Redis' clock", async () => {
  const { term, time } = await dueSchedule();
  const early = time + 2 * hour;
  await world.broker.redis.hset(world.broker.keys.schedule("hourly"), "next", early, "due", early);
  expect(await fire(term, early)).toBe(false);
});

test("a firing that was claimed before a crash is added by who comes next, once", async () => {
  const { term, time } = await dueSchedule();
  await fire(term, time);
  expect((await readSchedule(world.broker, "hourly")).last).toBeNull();
  await Promise.all([pumpOf().pump(refuse), pumpOf().pump(refuse)]);
  expect(await addedIds()).toEqual([scheduledId("hourly", time)]);
  expect((await readSchedule(world.broker, "hourly")).last).toMatchObject({ at: time, queue: "default" });
});

test("who slept between claim and job adds nothing when it wakes up after the job ran and was removed", async () => {
  const { term, time } = await dueSchedule();
  await fire(term, time);
  const asleep = Promise.withResolvers<void>();
  const awake = Promise.withResolvers<void>();
  const gate: EnqueueGate = {
    async before() {
      asleep.resolve();
      await awake.promise;
    },
    async after() {},
  };
  const sleeper = pumpOf(gate).pump(refuse);
  await asleep.promise;
  await pumpOf().pump(refuse);
  await world.broker.queue("default").remove(scheduledId("hourly", time));
  awake.resolve();
  await sleeper;
  expect(await addedIds()).toEqual([scheduledId("hourly", time)]);
  expect(await world.broker.queue("default").count()).toBe(0);
});

test("several at the same firings, while jobs vanish as soon as they are there: each is added once", async () => {
  const { broker } = world;
  const names = Array.from({ length: 150 }, (_, index) => `hourly-${index}`);
  const { term, time } = await dueSchedule();
  for (const name of names) {
    await dueSchedule(name);
    expect(await fire(term, time, name)).toBe(true);
  }
  let working = true;
  const vanishing = (async () => {
    while (working) await broker.queue("default").drain();
  })();
  await Promise.all(Array.from({ length: 4 }, () => pumpOf().pump(refuse)));
  working = false;
  await vanishing;
  expect((await addedIds()).sort()).toEqual(names.map((name) => scheduledId(name, time)).sort());
  expect(await broker.redis.hlen(broker.keys.scheduleFirings)).toBe(0);
});

test("one that cannot be added keeps none of the others, and stays to be tried again", async () => {
  const { broker } = world;
  for (const name of ["a", "b", "c"]) {
    const { term, time } = await dueSchedule(name);
    await fire(term, time, name);
  }
  const time = Date.now() - (Date.now() % hour);
  const id = scheduledId("b", time);
  const good = String(await broker.redis.hget(broker.keys.scheduleFirings, id));
  await broker.redis.hset(broker.keys.scheduleFirings, id, good.replace('"default"', '"no:queue"'));
  await expect(pumpOf().pump(refuse)).rejects.toThrow(/cannot contain/);
  expect((await addedIds()).sort()).toEqual([scheduledId("a", time), scheduledId("c", time)]);
  await broker.redis.hset(broker.keys.scheduleFirings, id, good);
  await pumpOf().pump(refuse);
  expect(await addedIds()).toContain(id);
});

test("what is no firing is told of and dropped", async () => {
  const { redis, keys } = world.broker;
  await redis.hset(keys.scheduleFirings, "x", "nonsense", "y", '{"name":"y","at":1}');
  const refused: string[] = [];
  await pumpOf().pump((_firing, id) => refused.push(id));
  expect(refused.sort()).toEqual(["x", "y"]);
  expect(await redis.exists(keys.scheduleFirings)).toBe(0);
});

test("a connection that is lost is made anew, and nothing is sent twice", async () => {
  const { term, time } = await dueSchedule();
  const pump = pumpOf();
  await pump.pump(refuse);
  await world.broker.redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await fire(term, time);
  await eventually("it is added", async () => {
    await pump.pump(refuse).catch(() => {});
    return (await addedIds()).length > 0;
  });
  expect(await addedIds()).toEqual([scheduledId("hourly", time)]);
});

test("ids are short enough for Redis and Ray, and tell long names apart", () => {
  const long = "x".repeat(150);
  expect(scheduledId("a.b", 0)).toBe("a.b~19700101T000000Z");
  expect(scheduledId("a.b", 1500)).toBe("a.b~19700101T000001.500Z");
  expect(scheduledId(long, 0).length).toBeLessThanOrEqual(128);
  expect(scheduledId(long, 0)).not.toBe(scheduledId(`${long}y`, 0));
});
