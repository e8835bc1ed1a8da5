import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { group, signature } from "#client";
import { createApiKeyCheck, createApiKeys } from "../../src/queue/api-keys.ts";
import { createAuditLog } from "../../src/queue/audit-log.ts";
import { type Broker, openBroker } from "../../src/queue/broker.ts";
import { createLoginThrottle } from "../../src/queue/login-throttle.ts";
import { publishManifests } from "../../src/queue/manifests.ts";
import { readRedisId } from "../../src/queue/redis-id.ts";
import { createSessions, readSessionSecret } from "../../src/queue/sessions.ts";
import { describeTask } from "../../src/task/manifest.ts";
import { testCatalogue } from "../support/catalogue.ts";
import { startScheduler } from "../support/scheduler.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
let client: Broker;
let worker: Broker;
beforeAll(async () => {
  world = await createWorld({ callsOnly: true });
  client = await openBroker({ redis: world.users.client });
  worker = await openBroker({ redis: world.users.worker });
  await publishManifests(worker, testCatalogue.tasks.map(describeTask));
});
afterAll(async () => {
  await Promise.all([client.close(), worker.close()]);
  await world.close();
});

/** Whatever lies under the prefix and does not go by itself. */
async function contents(): Promise<Record<string, unknown>> {
  const { redis } = world.broker;
  const readers: Record<string, (key: string) => Promise<unknown>> = {
    string: (key) => redis.get(key),
    hash: (key) => redis.hgetall(key),
    list: (key) => redis.lrange(key, 0, -1),
    set: async (key) => (await redis.smembers(key)).toSorted(),
    zset: (key) => redis.zrange(key, "0", "-1", "WITHSCORES"),
    stream: (key) => redis.xrange(key, "-", "+"),
  };
  const found: Record<string, unknown> = {};
  for (const key of await redis.keys(`${world.prefix}:*`)) {
    if ((await redis.pttl(key)) < 0) found[key] = await readers[await redis.type(key)]?.(key);
  }
  return found;
}

const forbidden = (user: "client" | "worker") => ({
  code: "REDIS_FORBIDDEN",
  retryable: false,
  value: `${user}-${world.prefix}`,
  message: expect.stringContaining(`refused its user ${user}-${world.prefix}`),
  hint: expect.stringContaining("deploy/redis/users.acl.rules"),
});

/** Commands of administration, as words. */
const administration: [string, ...string[]][] = [
  ["FLUSHALL"],
  ["FLUSHDB"],
  ["KEYS", "*"],
  ["CONFIG", "SET", "maxmemory", "0"],
  ["SHUTDOWN", "NOSAVE"],
  ["ACL", "LIST"],
  ["ACL", "SETUSER", "evil", "on", "nopass", "+@all", "~*"],
  ["SCRIPT", "FLUSH"],
  ["FUNCTION", "FLUSH"],
  ["MODULE", "LIST"],
  ["REPLICAOF", "NO", "ONE"],
  ["MONITOR"],
  ["CLIENT", "KILL", "TYPE", "normal"],
  ["CLIENT", "PAUSE", "1"],
  ["SAVE"],
  ["BGREWRITEAOF"],
  ["SWAPDB", "0", "1"],
  ["RANDOMKEY"],
  ["DBSIZE"],
  ["SCAN", "0"],
  ["CLIENT", "TRACKING", "ON", "BCAST"],
  ["EVAL", "return redis.call('flushall')", "0"],
];

/** What the client's own tests, which run as this user too, leave out. */
describe("the user client may", () => {
  let own: World;
  beforeAll(async () => {
    own = await createWorld({ callsOnly: true });
    await publishManifests(own.broker, testCatalogue.tasks.map(describeTask));
  });
  afterAll(() => own.close());

  const idsOf = (jobs: readonly { id: string }[]) => jobs.map(({ id }) => id).toSorted();

  test("cancel a job wherever it waits, so that the next worker drops it", async () => {
    const { enqueue } = own.client;
    const jobs = await Promise.all([
      enqueue("test.echo", {}),
      enqueue("test.echo", {}, { priority: 3 }),
      enqueue("test.echo", {}, { delay: "1h" }),
      enqueue("test.echo", {}, { delay: "1h", priority: 3 }),
    ]);
    for (const job of jobs) expect(await job.cancel()).toBe("cancelled");
    const running = await own.worker({ queues: ["default"] });
    for (const job of jobs)
      await eventually("the drop", async () => (await job.snapshot()).endedAt !== undefined);
    // Nobody takes the calls, so the workflow waits for them.
    const calls = [1, 2, 3].map(() => signature("test.ray_echo", {}));
    const parked = await own.client.start(group(calls));
    await eventually("the wait", async () => (await parked.state()) === "waiting-children");
    expect(await parked.cancel()).toBe("cancelled");
    await expect(parked.result({ timeout: "10s" })).rejects.toMatchObject({ code: "JOB_CANCELLED" });
    await running.stop();
  });

  test("search, list dead letters and replay them, a page at a time", async () => {
    const running = await own.worker({ queues: ["default"] });
    const ended = [1, 2, 3].flatMap((number) => [
      { task: "test.echo", input: {}, options: { id: `done-${number}`, tags: ["p"] } } as const,
      { task: "test.echo", input: { end: "coded" }, options: { id: `dead-${number}`, tags: ["p"] } } as const,
    ]);
    const jobs = await own.client.enqueueMany(ended);
    await Promise.allSettled(jobs.map((job) => job.result({ timeout: "10s" })));
    await running.stop();
    const waiting = [1, 2, 3].flatMap((number) => [
      { task: "test.echo", input: {}, options: { id: `waits-${number}`, tags: ["p"] } } as const,
      { task: "test.echo", input: {}, options: { id: `first-${number}`, priority: 2, tags: ["p"] } } as const,
      { task: "test.echo", input: {}, options: { id: `later-${number}`, delay: "1h", tags: ["p"] } } as const,
    ]);
    const all = [...jobs, ...(await own.client.enqueueMany(waiting))];
    const seen: { id: string }[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof own.client.search>> = await own.client.search(
        { tag: "p" },
        { limit: 1, ...(cursor !== null && { cursor }) },
      );
      seen.push(...page.jobs);
      cursor = page.cursor;
    } while (cursor !== null);
    expect(idsOf(seen)).toEqual(idsOf(all));

    const { deadLetters } = own.client;
    const first = await deadLetters.list({ limit: 2 });
    const rest = await deadLetters.list({
      limit: 2,
      ...(first.cursor !== undefined && { cursor: first.cursor }),
    });
    const dead = [...first.jobs, ...rest.jobs];
    expect(idsOf(dead)).toEqual(["dead-1", "dead-2", "dead-3"]);
    const again = await deadLetters.replay("dead-1");
    expect(await again.state()).toBe("waiting");
    const cancelled = await own.client.control.cancelMany({ tag: "p" });
    expect(cancelled.jobs).toHaveLength(10);
  });
});

describe("the user client", () => {
  /** A job in each place, so that there is something to take, to read and to spoil. */
  beforeAll(async () => {
    const running = await world.worker({ queues: ["default"] });
    const done = await world.client.enqueue("test.echo", { text: "done" }, { id: "done" });
    const dead = await world.client.enqueue("test.echo", { end: "coded" }, { id: "dead" });
    await Promise.allSettled([done.result({ timeout: "10s" }), dead.result({ timeout: "10s" })]);
    await running.stop();
    await world.client.enqueue("test.echo", { text: "waits" }, { id: "waits" });
    await world.client.enqueue("test.echo", { text: "later" }, { id: "later", delay: "1h" });
    await world.client.enqueue("test.echo", { text: "urgent" }, { id: "urgent", priority: 2 });
    const { redis, keys } = worker;
    await redis.set(keys.session("someone"), "{}");
    await redis.hset(keys.apiKeys, "a-key", "{}");
    await redis.xadd(keys.audit, "*", "action", "login");
    await redis.hset(keys.schedule("nightly"), "spec", "{}");
    await redis.set(`${keys.logins}:user:someone`, "3");
  });

  const key = (name: string) => `${world.prefix}:${name}`;
  const commands: Record<string, () => string[][]> = {
    administration: () => administration,
    "who else is there": () => [
      ["CLIENT", "LIST"],
      ["CONFIG", "GET", "*"],
    ],
    "taking jobs": () => [
      ["LPOP", key("default:wait")],
      ["RPOP", key("default:wait")],
      ["RPOPLPUSH", key("default:wait"), key("default:active")],
      ["LMOVE", key("default:wait"), key("default:active"), "LEFT", "LEFT"],
      ["BRPOPLPUSH", key("default:wait"), key("default:active"), "1"],
      ["ZPOPMIN", key("default:prioritized")],
      ["BZPOPMIN", key("default:marker"), "1"],
      ["SET", key("default:waits:lock"), "mine"],
      [
        "EVAL",
        "return redis.call('rpoplpush', KEYS[1], KEYS[2])",
        "2",
        key("default:wait"),
        key("default:active"),
      ],
    ],
    "completing jobs": () => [
      ["ZADD", key("default:completed"), "1", "waits"],
      ["ZADD", key("default:failed"), "1", "waits"],
      ["LPUSH", key("default:active"), "waits"],
      ["LREM", key("default:active"), "0", "waits"],
      ["LREM", key("default:wait"), "0", "waits"],
      ["ZREM", key("default:completed"), "done"],
      ["ZREM", key("default:prioritized"), "urgent"],
      ["RPUSH", key("default:waits:logs"), "line"],
    ],
    "pausing and emptying queues": () => [
      ["HSET", key("default:meta"), "paused", "1"],
      ["HMSET", key("default:meta"), "concurrency", "0"],
      ["HDEL", key("default:meta"), "opts.maxLenEvents"],
      ["DEL", key("default:wait")],
      ["DEL", key("default:waiting-children")],
      ["DEL", key("default:events")],
      ["DEL", key("default:meta")],
      ["UNLINK", key("default:completed")],
      ["RENAME", key("default:wait"), key("default:paused")],
      ["LTRIM", key("default:wait"), "1", "0"],
      ["XTRIM", key("default:events"), "MAXLEN", "0"],
      ["PEXPIRE", key("default:wait"), "1"],
      ["MOVE", key("default:wait"), "1"],
    ],
    "what is not about jobs, to read": () => [
      ["GET", key("session:someone")],
      ["GET", key("session-secret")],
      ["HGETALL", key("api-keys")],
      ["XRANGE", key("audit"), "-", "+"],
      ["HGETALL", key("schedule:nightly")],
      ["ZRANGE", key("schedules"), "0", "-1"],
      ["GET", key("logins:user:someone")],
      ["HGETALL", key("workers")],
      ["HGETALL", key("limits")],
      ["EVAL", "return redis.call('get', ARGV[1])", "0", key("session:someone")],
      ["EVAL", "return 1", "1", key("session:someone")],
    ],
    "what is not about jobs, to write": () => [
      ["SET", key("session:mine"), "{}"],
      ["SET", key("session-secret"), "x"],
      ["HSET", key("api-keys"), "mine", "{}"],
      ["XADD", key("audit"), "*", "action", "login"],
      ["DEL", key("audit")],
      ["HSET", key("schedule:nightly"), "spec", "{}"],
      ["DEL", key("logins:user:someone")],
      ["HSET", key("tasks"), "test.echo", "{}"],
      ["HSET", key("limits"), "test.echo", "{}"],
      ["SADD", key("ray-stops"), "one"],
      ["DEL", key("idempotency:test.echo:k")],
    ],
    channels: () => [
      ["PUBLISH", key("control"), "{}"],
      ["PUBLISH", key("schedule-changes"), "{}"],
      ["SUBSCRIBE", key("control")],
      ["SUBSCRIBE", key("answers:someone")],
      ["PSUBSCRIBE", "*"],
    ],
    "another prefix": () => [
      ["GET", "other:default:de:x"],
      ["HGETALL", `${world.prefix}x:default:waits`],
      ["HSET", "other:default:waits", "data", "{}"],
      ["LPUSH", "other:default:wait", "x"],
    ],
  };

  test.each(Object.keys(commands))("refused, and nothing is changed: %s", async (what) => {
    const before = await contents();
    for (const [name = "", ...args] of commands[what]?.() ?? []) {
      const called = client.redis.call(name, ...args);
      await expect(called, `${name} ${args.join(" ")}`).rejects.toMatchObject(forbidden("client"));
    }
    expect(await contents()).toEqual(before);
  });

  test("what operators do by the SDK is refused, and nothing is changed", async () => {
    const { control, schedules, deadLetters, inspect } = world.client;
    const calls: Record<string, () => Promise<unknown>> = {
      pause: () => control.pauseQueue("default"),
      resume: () => control.resumeQueue("default"),
      purge: () => control.purge("default"),
      rate: () => control.rateLimit("test.echo", "1/s"),
      time: () => control.timeLimit("test.echo", { hard: "1s" }),
      shutdown: () => control.shutdown(),
      concurrency: () => control.concurrency(1),
      workers: () => inspect.workers(),
      ping: () => inspect.ping(),
      forget: () => world.client.forget("done"),
      discard: () => deadLetters.discard("dead"),
      history: () => world.client.history(),
      schedules: () => schedules.list(),
      schedule: () => schedules.create("test.echo", { name: "mine", every: "1h", input: {} }),
      remove: () => schedules.remove("nightly"),
    };
    const before = await contents();
    for (const [name, call] of Object.entries(calls))
      await expect(call(), name).rejects.toMatchObject(forbidden("client"));
    expect(await contents()).toEqual(before);
  });

  test("what dashboards and workers do is refused", async () => {
    const calls: Record<string, () => Promise<unknown>> = {
      sessions: () => createSessions(client).read("x"),
      session: () => createSessions(client).write("x", "{}", 1000),
      secret: () => readSessionSecret(client),
      keys: () => createApiKeys(client).list(),
      key: () => createApiKeys(client).create({ name: "x", scopes: ["read"], createdBy: "x" }),
      check: () => createApiKeyCheck(client).find(`lovage_${"0".repeat(12)}_${"0".repeat(64)}`),
      throttle: () => createLoginThrottle(client).take({ address: "x", user: "x" }),
      audit: () => createAuditLog(client).list({ limit: 1 }),
      tasks: () => publishManifests(client, testCatalogue.tasks.map(describeTask)),
      id: () => readRedisId(client),
    };
    for (const [name, call] of Object.entries(calls))
      await expect(call(), name).rejects.toMatchObject(forbidden("client"));
  });

  test("a job that is to be debounced has an id that it may be removed by", async () => {
    const deduplication = { key: "k", mode: "debounce", ttl: "1h" } as const;
    await expect(
      world.client.enqueue("test.echo", {}, { id: "nightly-report", deduplication }),
    ).rejects.toMatchObject({ code: "INPUT_INVALID", field: "id" });
    const first = await world.client.enqueue("test.echo", {}, { id: "report-1", deduplication });
    const second = await world.client.enqueue("test.echo", {}, { id: "report-2", deduplication });
    expect(second.id).toBe("report-2");
    await expect(first.state()).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  });
});

test("neither may debug Redis, which is turned off besides", async () => {
  for (const user of ["client", "worker"]) {
    const tried = await world.broker.redis.acl("DRYRUN", `${user}-${world.prefix}`, "DEBUG", "SLEEP", "0");
    expect(tried).toContain("no permissions to run the 'debug");
  }
});

describe("the user worker", () => {
  test("may do anything with its own keys, and no administration", async () => {
    const commands = [
      ...administration,
      ["GET", "other:key"],
      ["SET", "other:key", "x"],
      ["PUBLISH", "other:channel", "x"],
      ["CONFIG", "GET", "requirepass"],
    ];
    const before = await contents();
    for (const [name = "", ...args] of commands)
      await expect(worker.redis.call(name, ...args), `${name} ${args.join(" ")}`).rejects.toMatchObject(
        forbidden("worker"),
      );
    expect(await contents()).toEqual(before);
  });
});

test("with workers, schedulers and callers as these users nothing that is needed is refused", async () => {
  const prefix = world.prefix;
  await world.broker.redis.acl("LOG", "RESET");
  const running = await world.worker({ queues: ["default"] });
  const scheduler = await startScheduler(world, { catalogue: testCatalogue });
  const made = await world.client.enqueue("test.echo", { text: randomUUID() });
  await made.result({ timeout: "10s" });
  await eventually("an acting scheduler", () =>
    world.broker.redis.exists(world.broker.keys.schedulerLease).then(Boolean),
  );
  await Promise.all([running.stop(), scheduler.stop()]);
  const refusals = (await world.broker.redis.acl("LOG")) as unknown[];
  expect(refusals.filter((entry) => JSON.stringify(entry).includes(prefix))).toEqual([]);
});
