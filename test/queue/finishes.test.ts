import { type BackendFactory, type Job, Queue, QueueKeys, type RedisQueueBackend, Worker } from "bullmq";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { clockedBackend } from "../../src/queue/clocked-backend.ts";
import { finishTogether } from "../../src/queue/finishes.ts";
import { withScripts } from "../../src/queue/scripts.ts";
import { createWorld, type World } from "../support/world.ts";

const keep = { count: 1000, age: 3600 };
const lockDuration = 30_000;
const clock = { offset: () => 0 };

let world: World;
let redis: ReturnType<typeof withScripts>;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  world = await createWorld();
  redis = withScripts(new Redis(world.redis.url, { maxRetriesPerRequest: null }));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});
afterAll(async () => {
  redis.disconnect();
  await world.close();
});

interface Side {
  queue: Queue;
  worker: Worker;
  /** The key of a queue's part, or of a job. */
  key(of: string): string;
}

/** A queue of a name, and a worker that does as it is told. */
function side(name: string, ours: boolean, kept = keep): Side {
  const connection = redis;
  const { prefix } = world;
  const plain = clockedBackend(clock);
  const factory: BackendFactory<RedisQueueBackend> = ours
    ? finishTogether({ redis, clock, workerName: "w", lockDuration, keep: kept }, plain)
    : plain;
  const queue = new Queue(name, { connection, prefix });
  const options = { connection, prefix, name: "w", lockDuration, removeOnComplete: kept };
  const worker = new Worker(name, undefined, options, factory);
  open.push(queue, worker);
  return { queue, worker, key: (of) => new QueueKeys(prefix).toKey(name, of) };
}

async function add(queue: Queue, ...ids: string[]): Promise<void> {
  for (const id of ids) await queue.add("t", { id }, { jobId: id });
}

async function take({ worker }: Side, count: number): Promise<Job[]> {
  const taken: Job[] = [];
  for (let at = 0; at < count; at += 1)
    taken.push((await worker.getNextJob(`token-${at}`, { block: false })) as Job);
  return taken;
}

/** Ends them in one tick. @returns what each brought: the next job, or an error */
function finish(jobs: readonly Job[], fetchNext = true): Promise<unknown[]> {
  return Promise.all(
    jobs.map((job, at) =>
      job.moveToCompleted({ ended: job.id }, `token-${at}`, fetchNext).then(timeless, (error: Error) => ({
        error: error.message,
      })),
    ),
  );
}

/** All moments are alike, and all rests of a minute. */
function timeless(value: unknown): unknown {
  const text = JSON.stringify(value) ?? "null";
  return JSON.parse(text.replaceAll(/\d{13}(?:-\d+|\.\d+)?|\b59\d{3}\b|\b60000\b/g, "0"));
}

/** Everything that a queue has in Redis, but for moments. */
async function contents({ queue, key }: Side): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const full of (await redis.keys(key("*"))).sort()) {
    const name = full.slice(key("").length);
    const type = await redis.type(full);
    if (type === "hash") found[name] = await redis.hgetall(full);
    else if (type === "list") found[name] = await redis.lrange(full, 0, -1);
    else if (type === "set") found[name] = (await redis.smembers(full)).sort();
    else if (type === "zset") found[name] = (await redis.zrange(full, 0, "-1")).sort();
    else if (type === "stream")
      found[name] = (await redis.xrange(full, "-", "+")).map(([, fields]) => fields);
    else found[name] = { text: await redis.get(full), expires: (await redis.pttl(full)) > 0 };
  }
  return JSON.parse(JSON.stringify(timeless(found)).replaceAll(queue.name, "queue")) as Record<
    string,
    unknown
  >;
}

type Scenario = (side: Side) => Promise<unknown>;

const scenarios: Record<string, Scenario> = {
  "with more waiting": async (world) => {
    await add(world.queue, "a", "b", "c", "d", "e");
    return finish(await take(world, 3));
  },
  "the last of a queue": async (world) => {
    await add(world.queue, "a", "b");
    return finish(await take(world, 2));
  },
  "that want no next job": async (world) => {
    await add(world.queue, "a", "b", "c");
    return finish(await take(world, 2), false);
  },
  "of a paused queue": async (world) => {
    await add(world.queue, "a", "b", "c");
    const jobs = await take(world, 2);
    await world.queue.pause();
    return finish(jobs);
  },
  "of a queue at the limit of its jobs": async (world) => {
    await add(world.queue, "a", "b", "c", "d");
    const jobs = await take(world, 3);
    await world.queue.setGlobalConcurrency(2);
    return finish(jobs);
  },
  "of a queue with a rate": async (world) => {
    await add(world.queue, "a", "b", "c", "d");
    const jobs = await take(world, 2);
    await world.queue.setGlobalRateLimit(1, 60_000);
    return finish(jobs);
  },
  "followed by jobs with priorities": async (world) => {
    await add(world.queue, "a", "b", "c");
    const jobs = await take(world, 3);
    for (const [id, priority] of [
      ["d", 9],
      ["e", 1],
    ] as const)
      await world.queue.add("t", {}, { jobId: id, priority });
    return finish(jobs);
  },
  "beside a delayed job": async (world) => {
    await add(world.queue, "a", "b");
    const jobs = await take(world, 2);
    await world.queue.add("t", {}, { jobId: "later", delay: 3_600_000 });
    return finish(jobs);
  },
  "while a delayed job becomes due": async (world) => {
    await add(world.queue, "a", "b");
    const jobs = await take(world, 2);
    await world.queue.add("t", {}, { jobId: "due", delay: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    return finish(jobs);
  },
  "some of which are gone, not active, or held by others": async (world) => {
    await add(world.queue, "a", "b", "c", "d", "e", "f");
    const jobs = await take(world, 5);
    await redis.del(world.key("a"));
    await redis.lrem(world.key("active"), 0, "b");
    await redis.set(`${world.key("c")}:lock`, "another");
    await redis.del(`${world.key("d")}:lock`);
    return finish(jobs);
  },
  "one of which waits for calls": async (world) => {
    await add(world.queue, "a", "b", "c");
    const jobs = await take(world, 2);
    await redis.sadd(`${world.key("a")}:dependencies`, world.key("c"));
    return finish(jobs);
  },
  "with a result that is none, and with a large one": async (world) => {
    await add(world.queue, "a", "b");
    const [a, b] = (await take(world, 2)) as [Job, Job];
    return Promise.all([
      a.moveToCompleted(undefined, "token-0", true).then(timeless),
      b.moveToCompleted("é\u0000".repeat(200_000), "token-1", true).then(timeless),
    ]);
  },
  "that were begun and failed before": async (world) => {
    await world.queue.add("t", {}, { jobId: "a", attempts: 3 });
    const [first] = (await take(world, 1)) as [Job];
    await first.moveToFailed(new Error("once"), "token-0", false);
    await redis.hdel(world.key("a"), "stacktrace");
    await add(world.queue, "b");
    const jobs = await take(world, 2);
    return finish(jobs);
  },
  "with a deduplication": async (world) => {
    await world.queue.add("t", {}, { jobId: "a", deduplication: { id: "once" } });
    await add(world.queue, "b");
    return finish(await take(world, 2));
  },
  "with a parent": async (world) => {
    await world.queue.add("t", {}, { jobId: "parent", delay: 3_600_000 });
    const parent = { id: "parent", queue: world.key("").slice(0, -1) };
    await world.queue.add("t", {}, { jobId: "a", parent });
    await add(world.queue, "b");
    return finish(await take(world, 2));
  },
  // A second call of an id gives the job that is there a parent.
  "that were given a parent meanwhile": async (world) => {
    await world.queue.add("t", {}, { jobId: "parent", delay: 3_600_000 });
    await add(world.queue, "a", "b");
    const jobs = await take(world, 1);
    const parent = { id: "parent", queue: world.key("").slice(0, -1) };
    await world.queue.add("t", {}, { jobId: "a", parent });
    return finish(jobs);
  },
  "that were given a deduplication meanwhile": async (world) => {
    await add(world.queue, "a", "b");
    const jobs = await take(world, 1);
    await redis.hset(world.key("a"), "deid", "once");
    await redis.set(world.key("de:once"), "a");
    return finish(jobs);
  },
  "once taken for stalled, where nobody was woken": async (world) => {
    await add(world.queue, "a", "b", "c");
    const jobs = await take(world, 2);
    await redis.sadd(world.key("stalled"), "a", "c");
    await redis.del(world.key("marker"));
    return finish(jobs);
  },
  "with a marker of an older BullMQ in the list": async (world) => {
    await add(world.queue, "a", "b");
    const jobs = await take(world, 2);
    await world.queue.add("t", {}, { jobId: "c", priority: 1 });
    await redis.rpush(world.key("wait"), "0:0");
    return finish(jobs.slice(0, 1));
  },
};

/** So that the two take the same names in different queues. */
let count = 0;

test.each(Object.keys(scenarios))("jobs %s leave what BullMQ's own ending leaves", async (name) => {
  const scenario = scenarios[name] as Scenario;
  count += 1;
  const [ours, theirs] = [side(`ours-${count}`, true), side(`theirs-${count}`, false)];

  const [brought, expected] = [await scenario(ours), await scenario(theirs)];

  const plainly = (value: unknown, { queue }: Side) =>
    JSON.parse((JSON.stringify(value) ?? "null").replaceAll(queue.name, "queue"));
  expect(plainly(brought, ours)).toEqual(plainly(expected, theirs));
  expect(await contents(ours)).toEqual(await contents(theirs));
});

test.each([
  ["count", { count: 3, age: 3600 }],
  ["age", { count: 1000, age: 0 }],
])("old jobs go by their %s, with all that is theirs", async (_by, kept) => {
  count += 1;
  const [ours, theirs] = [side(`ours-${count}`, true, kept), side(`theirs-${count}`, false, kept)];
  for (const one of [ours, theirs]) {
    for (let round = 0; round < 3; round += 1) {
      await add(one.queue, ...["x", "y", "z"].map((id) => `${id}${round}`));
      await redis.rpush(`${one.key(`x${round}`)}:logs`, "line");
      await finish(await take(one, 3), false);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  expect(await contents(ours)).toEqual(await contents(theirs));
});

test("jobs of one tick share their commands", async () => {
  count += 1;
  const ours = side(`ours-${count}`, true);
  const ids = Array.from({ length: 80 }, (_, at) => `job-${at}`);
  await add(ours.queue, ...ids);
  const jobs = await take(ours, 80);
  const before = await calls();

  await finish(jobs, false);

  expect(await redis.zcard(ours.key("completed"))).toBe(80);
  expect((await calls()) - before).toBeLessThan(40);
});

test("the queue's events do not grow beyond their measure", async () => {
  count += 1;
  const ours = side(`ours-${count}`, true);
  await add(ours.queue, ...Array.from({ length: 400 }, (_, at) => `job-${at}`));
  const jobs = await take(ours, 400);
  await redis.hset(ours.key("meta"), "opts.maxLenEvents", 10);

  await finish(jobs, false);

  // Redis drops whole blocks of a hundred.
  expect(await redis.xlen(ours.key("events"))).toBeLessThan(300);
});

test("a key of another kind in the next job's place harms nobody else", async () => {
  count += 1;
  const ours = side(`ours-${count}`, true);
  await add(ours.queue, "a", "b", "bad", "c");
  const jobs = await take(ours, 2);
  await redis.del(ours.key("bad"));
  await redis.set(ours.key("bad"), "no hash");

  const brought = (await finish(jobs)) as unknown[][];

  expect(brought.map((next) => next[1] ?? null).sort()).toEqual(["c", null].sort());
  expect((await redis.zrange(ours.key("completed"), 0, "-1")).sort()).toEqual(["a", "b"]);
});

/** How many scripts Redis ran by their digest. */
async function calls(): Promise<number> {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info("commandstats"))?.[1] ?? 0);
}
