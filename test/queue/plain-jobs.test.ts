import { QueueKeys } from "bullmq";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPlainJobs, isPlain } from "../../src/queue/plain-jobs.ts";
import { addJob, type PreparedJob, prepareJob } from "../../src/queue/producer.ts";
import { createQueues, type Queues } from "../../src/queue/queues.ts";
import { createWorld, type World } from "../support/world.ts";

let world: World;
let redis: Redis;
let queues: Queues;

beforeAll(async () => {
  world = await createWorld();
  redis = new Redis(world.redis.url);
  queues = createQueues(redis, world.broker.keys, () => {});
});

afterAll(async () => {
  await queues.close();
  redis.disconnect();
  await world.close();
});

const target = (attempts: number) => ({ name: "t.plain", queue: "default", retry: { attempts } });
const job = (queue: string, id: string, attempts = 1): PreparedJob => ({
  ...prepareJob(target(attempts), { id, text: 'é " \\ \u0000' }, { id }),
  queue,
});

/** Everything that a queue has in Redis, but for moments, and the id that BullMQ repeats among the options. */
async function contents(queue: string): Promise<Record<string, unknown>> {
  const base = new QueueKeys(world.prefix).getKeys(queue)[""] as string;
  const found: Record<string, unknown> = {};
  for (const key of await redis.keys(`${base}*`)) {
    const type = await redis.type(key);
    if (type === "hash") {
      const { opts, timestamp, ...fields } = await redis.hgetall(key);
      const { jobId: _id, ...options } = JSON.parse(opts ?? "{}");
      found[key.slice(base.length)] = { ...fields, options, timed: /^\d{13}$/.test(timestamp ?? "") };
    } else if (type === "list") found[key.slice(base.length)] = await redis.lrange(key, 0, -1);
    else if (type === "zset") found[key.slice(base.length)] = await redis.zrange(key, 0, "-1", "WITHSCORES");
    else if (type === "stream")
      found[key.slice(base.length)] = (await redis.xrange(key, "-", "+")).map(([, fields]) => fields);
    else found[key.slice(base.length)] = await redis.get(key);
  }
  return found;
}

const jobs = (queue: string) => [
  job(queue, "job-a"),
  job(queue, "job-b", 3),
  job(queue, "job-c"),
  // A second call of an id.
  job(queue, "job-a"),
];

const states: Record<string, (queue: string) => Promise<unknown>> = {
  empty: async () => {},
  paused: (queue) => queues.ofShard(0, queue).pause(),
  "at the limit of its jobs": async (queue) => {
    await queues.ofShard(0, queue).setGlobalConcurrency(1);
    await redis.lpush(`${world.prefix}:${queue}:active`, "another");
  },
  "below the limit of its jobs": (queue) => queues.ofShard(0, queue).setGlobalConcurrency(1),
};

test.each(Object.keys(states))(
  "in a queue that is %s, they leave what BullMQ's own adding leaves",
  async (state) => {
    const name = state.replaceAll(" ", "-");
    for (const queue of [`ours-${name}`, `theirs-${name}`]) await states[state]?.(queue);
    const plain = createPlainJobs(redis, world.broker.keys);

    const ids = await Promise.all(jobs(`ours-${name}`).map((each) => plain.add(each)));
    for (const each of jobs(`theirs-${name}`)) await addJob(queues, each);

    expect(ids).toEqual(["job-a", "job-b", "job-c", "job-a"]);
    const [ours, theirs] = [await contents(`ours-${name}`), await contents(`theirs-${name}`)];
    expect(ours).toEqual(theirs);
    expect(Object.keys(ours)).toContain("job-b");
  },
);

test("jobs of one tick share their commands, whichever queue they are for", async () => {
  const before = await calls();
  const plain = createPlainJobs(redis, world.broker.keys);
  const many = Array.from({ length: 400 }, (_, at) => job(at % 2 === 0 ? "even" : "odd", `many-${at}`));

  await Promise.all(many.map((each) => plain.add(each)));

  expect(await redis.llen(`${world.prefix}:even:wait`)).toBe(200);
  expect(await redis.llen(`${world.prefix}:odd:wait`)).toBe(200);
  expect((await calls()) - before).toBeLessThan(60);
});

test("jobs too large to go together go one after another, in order", async () => {
  const plain = createPlainJobs(redis, world.broker.keys);
  const large = (id: string): PreparedJob => ({
    ...prepareJob(target(1), "x".repeat(200_000), { id }),
    queue: "large",
  });

  await Promise.all(["large-1", "large-2", "large-3"].map((id) => plain.add(large(id))));

  expect(await redis.lrange(`${world.prefix}:large:wait`, 0, -1)).toEqual(["large-3", "large-2", "large-1"]);
});

test.each([
  [{}, true],
  [{ attempts: 4 }, true],
  [{ priority: 3 }, false],
  [{ delay: "1s" }, false],
  [{ deduplication: { key: "k" } }, false],
])("a job with the options %j is plain: %j", (options, plain) => {
  expect(isPlain(prepareJob(target(1), {}, options))).toBe(plain);
});

/** How many scripts Redis ran by their digest. */
async function calls(): Promise<number> {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info("commandstats"))?.[1] ?? 0);
}
