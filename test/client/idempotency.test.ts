import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { depthOf, readDepths } from "../../src/queue/depths.ts";
import { testCatalogue } from "../support/catalogue.ts";
import { callerSides } from "../support/sides.ts";
import { eventually, type World } from "../support/world.ts";

describe.each(callerSides)("over %s", (_side, { createWorld }) => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
  });
  afterAll(() => world.close());

  const key = (name: string) => world.broker.keys.idempotency("test.echo", name);

  test("the same key and the same input, in any order of fields: the same job, whatever became of it", async () => {
    const options = { idempotencyKey: "order-1" };
    const first = await world.client.enqueue("test.echo", { text: "a", end: "coded" }, options);
    const second = await world.client.enqueue("test.echo", { end: "coded", text: "a" }, options);
    expect(second.id).toBe(first.id);
    const worker = await world.worker();
    await expect(first.result({ timeout: "10s" })).rejects.toMatchObject({ code: "INPUT_INVALID" });
    await worker.stop();
    await world.broker.queueAt("default", first.id).remove(first.id);
    const third = await world.client.enqueue("test.echo", { text: "a", end: "coded" }, options);
    expect(third.id).toBe(first.id);
    await expect(third.state()).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  });

  test("the same key with another input is refused, and names the first job", async () => {
    const first = await world.client.enqueue("test.echo", { text: "a" }, { idempotencyKey: "order-2" });
    const error = await world.client
      .enqueue("test.echo", { text: "b" }, { idempotencyKey: "order-2" })
      .catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "IDEMPOTENCY_CONFLICT", field: "idempotencyKey", retryable: false });
    expect(error.message).toContain(first.id);
    const other = await world.client.enqueue("test.ray_echo", { text: "b" }, { idempotencyKey: "order-2" });
    expect(other.id).not.toBe(first.id);
  });

  test("a key is forgotten after its lifetime, counted from the first call", async () => {
    const call = (text: string) =>
      world.client.enqueue("test.echo", { text }, { idempotencyKey: { key: "short", lifetime: 300 } });
    const first = await call("a");
    const [left, standard] = await Promise.all([
      world.broker.redis.pttl(key("short")),
      world.client
        .enqueue("test.echo", {}, { idempotencyKey: "standard" })
        .then(() => world.broker.redis.pttl(key("standard"))),
    ]);
    expect(left).toBeGreaterThan(0);
    expect(standard / 3_600_000).toBeCloseTo(24, 1);
    const later = await eventually("the key's end", () => call("b").catch(() => undefined));
    expect(later.id).not.toBe(first.id);
  });

  test("many callers at once make one job", async () => {
    const clients = Array.from({ length: 4 }, () => world.connect({ catalogue: testCatalogue }));
    const waiting = async () => {
      const depths = (await readDepths(world.broker)).find(({ queue }) => queue === "default");
      return depths && depthOf(depths, "waiting").jobs;
    };
    const before = (await waiting()) ?? 0;
    const jobs = await Promise.all(
      clients.flatMap((client) =>
        [1, 2, 3].map(() => client.enqueue("test.echo", { text: "at once" }, { idempotencyKey: "at-once" })),
      ),
    );
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    expect(await waiting()).toBe(before + 1);
    await Promise.all(clients.map((client) => client.close()));
  });

  test("after a crash between the claim and the add, whoever comes next makes the claimed job", async () => {
    const first = await world.client.enqueue("test.echo", { text: "c" }, { idempotencyKey: "crash" });
    // What a caller leaves behind that died before its add was carried out.
    await world.broker.queueAt("default", first.id).remove(first.id);
    await world.broker.redis.hdel(key("crash"), "added");
    const again = await world.client.enqueue("test.echo", { text: "c" }, { idempotencyKey: "crash" });
    expect(again.id).toBe(first.id);
    expect(await again.state()).toBe("waiting");
  });

  test("in a list of calls, too: one job for one key, and a conflict stops all before any is made", async () => {
    const options = { idempotencyKey: "list" };
    const [one, two, three] = await world.client.enqueueMany([
      { task: "test.echo", input: { text: "x" }, options },
      { task: "test.echo", input: { text: "y" } },
      { task: "test.echo", input: { text: "x" }, options },
    ]);
    expect(three?.id).toBe(one?.id);
    expect(two?.id).not.toBe(one?.id);
    const before = await world.broker.queue("default").getJobCounts();
    const calls = [
      { task: "test.echo", input: { text: "z" }, options: { idempotencyKey: "fresh" } } as const,
      { task: "test.echo", input: { text: "other" }, options } as const,
    ];
    await expect(world.client.enqueueMany(calls)).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    expect(await world.broker.queue("default").getJobCounts()).toEqual(before);
    expect(await world.broker.redis.exists(key("fresh"))).toBe(0);
  });

  test.each(["", "x".repeat(501)])("a key of %j is refused", async (idempotencyKey) => {
    await expect(world.client.enqueue("test.echo", {}, { idempotencyKey })).rejects.toMatchObject({
      code: "INPUT_INVALID",
      field: "idempotencyKey",
    });
  });
});
