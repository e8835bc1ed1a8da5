import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LiveEvent } from "#client";
import { testCatalogue } from "../support/catalogue.ts";
import { startOwnRedis } from "../support/own-redis.ts";
import { callerSides } from "../support/sides.ts";
import { eventually, type World } from "../support/world.ts";

describe.each(callerSides)("over %s", (_side, { createWorld }) => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
  });
  afterAll(() => world.close());

  /** Live, what happens in two queues at once comes in either order; so do the cursors. */
  const ofQueue = (events: readonly LiveEvent[], queue: string) =>
    events.filter((event) => event.queue === queue).map(({ cursor: _cursor, ...event }) => event);

  const typesOf = (events: readonly LiveEvent[]) => events.map(({ type }) => type);

  async function collect(events: AsyncIterable<LiveEvent>, until = (_event: LiveEvent) => false) {
    const all: LiveEvent[] = [];
    for await (const event of events) {
      all.push(event);
      if (until(event)) break;
    }
    return all;
  }

  /** Events of a whole queue up to the end of one job, told by its id. */
  const upTo =
    (id: string, type = "completed") =>
    (event: LiveEvent) =>
      event.type === type && "id" in event && event.id === id;

  test("one job: from where it is told to its end, with progress, a retry and the output", async () => {
    const job = await world.client.enqueue("test.echo", { text: "a", seconds: 0.1, end: "fail-first" });
    const events = job.events();
    const told = collect(events);
    const first = await world.client.enqueue("test.echo", { text: "other" });
    const worker = await world.worker({ queues: ["default"] });
    await first.result({ timeout: "10s" });
    const all = await told;
    expect(typesOf(all).filter((type) => type !== "waiting")).toEqual([
      "active",
      "progress",
      "retrying",
      "active",
      "progress",
      "completed",
    ]);
    expect(new Set(all.map((event) => "id" in event && event.id))).toEqual(new Set([job.id]));
    expect(all.at(-1)).toMatchObject({
      task: "test.echo",
      queue: "default",
      output: { text: "a", attempt: 2 },
    });
    expect(all.find(({ type }) => type === "progress")).toMatchObject({ progress: { fraction: 1 } });
    await worker.stop();
  });

  test("one job that has ended already: its end alone; an unknown one says so", async () => {
    const worker = await world.worker({ queues: ["default"] });
    const job = await world.client.enqueue("test.echo", { end: "coded" });
    await job.result({ timeout: "10s" }).catch(() => {});
    const all = await collect(job.events());
    expect(all).toMatchObject([
      { type: "failed", error: { code: "INPUT_INVALID", message: "the text is bad" } },
    ]);
    await worker.stop();
    await world.broker.queue("default").remove(job.id);
    await expect(collect(job.events())).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  });

  test("one job goes on from a cursor, even when it has ended since", async () => {
    const job = await world.client.enqueue("test.echo", { text: "b" });
    const events = job.events();
    const begun = events.next();
    const worker = await world.worker({ queues: ["default"] });
    const first = (await begun).value as LiveEvent;
    await events.return?.();
    await job.result({ timeout: "10s" });
    const rest = await collect(job.events({ since: first.cursor }));
    expect(typesOf(rest).at(-1)).toBe("completed");
    expect(rest.map(({ cursor }) => cursor)).not.toContain(first.cursor);
    await worker.stop();
  });

  test("all jobs: every kind of end, told once to each of two that iterate over one reader a queue", async () => {
    const redis = await startOwnRedis();
    const own = await createWorld({ redisUrl: redis.url });
    const { client } = own;
    const readers = async () =>
      String(await own.broker.redis.client("LIST"))
        .split("\n")
        .filter((line) => line.includes("cmd=xread"));
    const told = [1, 2].map(() => collect(client.events({ queues: ["default"] }), upTo("the-last")));
    await eventually("the reader", async () => (await readers()).length > 0);
    await (await client.enqueue("test.echo", {}, { id: "is-cancelled" })).cancel();
    await client.enqueue("test.echo", {}, { id: "is-late", expires: 1 });
    await client.enqueue("test.echo", {}, { id: "is-delayed", delay: 200 });
    await client.enqueue("test.echo", { end: "coded" }, { id: "fails" });
    await client.enqueue("test.echo", {}, { id: "the-last", delay: 800 });
    await own.worker({ queues: ["default"] });
    const [one = [], two = []] = await Promise.all(told);
    expect(await readers()).toHaveLength(1);
    expect(two).toEqual(one);
    const of = (id: string) => typesOf(one.filter((event) => "id" in event && event.id === id));
    expect(of("is-cancelled")).toEqual(["enqueued", "waiting", "active", "cancelled"]);
    expect(of("is-late").at(-1)).toBe("expired");
    expect(of("is-delayed")).toEqual(["enqueued", "scheduled", "waiting", "active", "completed"]);
    expect(of("fails").at(-1)).toBe("failed");
    for (const event of one)
      expect(event).toMatchObject({ queue: "default", task: "test.echo", at: expect.any(Date) });
    await eventually(
      "the end of a reader that nobody listens to",
      async () => (await readers()).length === 0,
    );
    await own.close();
    await redis.remove();
  });

  test("resumed from any event's cursor, over several queues: each event after it, once and in its queue's order", async () => {
    const events = world.client.events({ queues: ["default", "data"] });
    const told = collect(events, upTo("end-of-resume"));
    const worker = await world.worker({ queues: ["default"] });
    for (const text of ["1", "2", "3"]) await world.client.enqueue("test.echo", { text }, { queue: "data" });
    for (const text of ["1", "2", "3"]) await world.client.enqueue("test.echo", { text });
    await world.client.enqueue("test.echo", {}, { id: "end-of-resume", delay: 300 });
    const all = await told;
    for (const at of [0, Math.floor(all.length / 2), all.length - 2]) {
      const since = all[at]?.cursor ?? "";
      const rest = await collect(
        world.client.events({ queues: ["default", "data"], since }),
        upTo("end-of-resume"),
      );
      for (const queue of ["default", "data"])
        expect(ofQueue(rest, queue)).toEqual(ofQueue(all.slice(at + 1), queue));
    }
    await worker.stop();
  });

  test("a cursor older than what is kept: a gap is told, then what is left", async () => {
    const other = await createWorld();
    const events = other.client.events();
    const begun = events.next();
    await other.client.enqueue("test.echo", {});
    const { cursor: since } = (await begun).value as LiveEvent;
    await events.return?.();
    await Promise.all(
      [1, 2, 3, 4].map((index) => other.client.enqueue("test.echo", {}, { id: `job-${index}` })),
    );
    await other.broker.redis.xtrim(other.broker.keys.at("").events("default"), "MAXLEN", "=", 4);
    const rest = await collect(other.client.events({ since }), upTo("job-4", "waiting"));
    expect(rest[0]).toMatchObject({ type: "gap", queue: "default" });
    expect(rest.slice(1).map(({ type }) => type)).toEqual(["enqueued", "waiting", "enqueued", "waiting"]);
    await other.close();
  });

  test("return() ends a wait at once, and so does the client's end", async () => {
    const client = world.connect({ catalogue: testCatalogue });
    const events = client.events();
    const waiting = events.next();
    await client.tasks();
    expect(await events.return?.()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await events.next()).toEqual({ done: true, value: undefined });
    const others = client.events();
    const told = collect(others);
    await client.enqueue("test.echo", {}, { id: "seen" });
    await client.close();
    await told;
  });

  test("what is no cursor is refused", async () => {
    const job = await world.client.enqueue("test.echo", {});
    for (const since of ["", "nonsense", Buffer.from('{"default":"x"}').toString("base64url")]) {
      await expect(world.client.events({ since }).next()).rejects.toMatchObject({
        code: "INPUT_INVALID",
        field: "since",
      });
    }
    await expect(job.events({ since: "nonsense" }).next()).rejects.toMatchObject({ field: "since" });
  });

  test("events go on after Redis was stopped and started again", async () => {
    const redis = await startOwnRedis();
    const other = await createWorld({ redisUrl: redis.url });
    const events = other.client.events({ queues: ["default"] });
    const told = collect(events, upTo("after", "waiting"));
    await other.client.enqueue("test.echo", {}, { id: "before" });
    await redis.restart();
    await other.client.enqueue("test.echo", {}, { id: "after" });
    const all = await told;
    expect(all.map((event) => [event.type, "id" in event && event.id])).toEqual([
      ["enqueued", "before"],
      ["waiting", "before"],
      ["enqueued", "after"],
      ["waiting", "after"],
    ]);
    await other.close();
    await redis.remove();
  });

  test("entries of any shape end nothing", async () => {
    const stream = world.broker.keys.at("").events("default");
    const events = world.client.events({ queues: ["default"] });
    const told = collect(events, upTo("sane", "waiting"));
    await world.client.enqueue("test.echo", {}, { id: "odd" });
    const { redis } = world.broker;
    await redis.xadd(stream, "*", "event", "completed", "jobId", "odd", "returnvalue", "{no json");
    await redis.xadd(stream, "*", "event", "progress", "jobId", "odd", "data", "no json");
    await redis.xadd(stream, "*", "event", "delayed", "jobId", "nobody");
    await redis.xadd(stream, "*", "what", "ever");
    await world.client.enqueue("test.echo", {}, { id: "sane" });
    const all = await told;
    expect(typesOf(all)).toEqual([
      "enqueued",
      "waiting",
      "completed",
      "progress",
      "scheduled",
      "enqueued",
      "waiting",
    ]);
  });
});
