import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JobHandle, JobSnapshot } from "#client";
import { sides } from "../support/sides.ts";
import type { RunningWorker, World } from "../support/world.ts";

describe.each(sides)("over %s", (_side, { createWorld }) => {
  let world: World;
  let worker: RunningWorker;
  beforeAll(async () => {
    world = await createWorld();
    worker = await world.worker({ queues: ["default", "data"], concurrency: 8 });
  });
  afterAll(() => world.close());

  const ended = (job: JobHandle) => job.result({ timeout: "10s" }).catch((error) => error);

  async function dead(text: string, options: Parameters<typeof world.client.enqueue>[2] = {}) {
    const job = await world.client.enqueue("test.echo", { text, end: "coded" }, options);
    await ended(job);
    return job;
  }

  async function all(
    filter: Parameters<typeof world.client.deadLetters.list>[0] = {},
  ): Promise<JobSnapshot[]> {
    const jobs: JobSnapshot[] = [];
    let cursor: string | undefined;
    do {
      const page = await world.client.deadLetters.list({ ...filter, ...(cursor && { cursor }) });
      jobs.push(...page.jobs);
      cursor = page.cursor;
    } while (cursor !== undefined);
    return jobs;
  }

  test("listed a page at a time over all queues, the newest first, each once; filters hold together", async () => {
    const tag = "listing";
    const made = [];
    for (let index = 0; index < 7; index += 1) {
      const queue = index % 2 === 0 ? "default" : "data";
      made.push(await dead(`${index}`, { tags: [tag, `n${index}`], queue }));
    }
    const cancelled = await world.client.enqueue("test.echo", {}, { tags: [tag], delay: "1h" });
    await cancelled.cancel();
    await ended(cancelled);
    const ids = made.map(({ id }) => id).toReversed();
    for (const limit of [1, 2, 3, 7, 50]) {
      expect((await all({ tag, limit })).map(({ id }) => id)).toEqual(ids);
    }
    expect((await all({ tag: "n3" })).map(({ id }) => id)).toEqual([made[3]?.id]);
    expect((await all({ tag, queue: "data" })).length).toBe(3);
    expect((await all({ tag, task: "test.ray_echo" })).length).toBe(0);
    expect((await all({ tag, code: "INPUT_INVALID" })).length).toBe(7);
    expect((await all({ tag, code: "JOB_FAILED" })).length).toBe(0);
    const ends = (await all({ tag })).map(({ endedAt }) => endedAt as Date);
    expect((await all({ tag, since: ends[2] as Date })).length).toBeGreaterThanOrEqual(3);
    expect((await all({ tag, until: ends[2] as Date })).length).toBeLessThanOrEqual(4);
    expect((await all({ tag, until: "1h" })).length).toBe(0);
    expect((await all({ tag, since: 3_600_000 })).length).toBe(7);
    expect(await all({ tag, states: ["cancelled"] })).toMatchObject([
      { id: cancelled.id, state: "cancelled" },
    ]);
    expect((await all({ tag, states: ["cancelled", "failed"] })).length).toBe(8);
  });

  test("many that ended in the same millisecond are listed once each", async () => {
    const other = await createWorld();
    const { redis, keys } = other.broker;
    const ids = Array.from({ length: 450 }, (_, index) => `same-${index}`);
    const pipeline = redis.pipeline();
    for (const id of ids) {
      pipeline.hset(keys.job("default", id), {
        name: "test.echo",
        data: "{}",
        opts: "{}",
        failedReason: "boom",
      });
      pipeline.zadd(keys.at("").failed("default"), id === "same-7" ? 1001 : 1000, id);
    }
    await pipeline.exec();
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await other.client.deadLetters.list({ limit: 40, ...(cursor && { cursor }) });
      seen.push(...page.jobs.map(({ id }) => id));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(seen[0]).toBe("same-7");
    expect(seen.toSorted()).toEqual(ids.toSorted());
    await other.close();
  });

  test("a replay is a new job with the old one's tags, metadata and limits, and lineage goes both ways", async () => {
    const options = {
      tags: ["lineage"],
      metadata: { owner: "ann" },
      priority: 4,
      attempts: 5,
      timeLimit: "1m",
    };
    const old = await dead("broken", { ...options, expires: "1h" });
    const job = await world.client.deadLetters.replay(old.id, { input: { text: "mended" } });
    expect(await ended(job)).toMatchObject({ text: "mended" });
    expect(await job.snapshot()).toMatchObject({
      tags: ["lineage"],
      metadata: { owner: "ann" },
      attempts: 5,
      replayOf: old.id,
      queue: "default",
    });
    const raw = await world.broker.redis.hmget(world.broker.keys.job("default", job.id), "data", "priority");
    expect(JSON.parse(raw[0] ?? "").meta).toMatchObject({ timeLimit: 60_000 });
    expect(JSON.parse(raw[0] ?? "").meta).not.toHaveProperty("expiresAt");
    expect(raw[1]).toBe("4");
    expect((await world.client.deadLetters.get(old.id)).replayedBy).toBe(job.id);
  });

  test("a replay repeated is the same job; with another input a conflict; with `again` a new job", async () => {
    const old = await dead("x");
    const { replay } = world.client.deadLetters;
    const [first, same] = await Promise.all([replay(old.id), replay(old.id)]);
    expect(same.id).toBe(first.id);
    expect((await replay(old.id)).id).toBe(first.id);
    await expect(replay(old.id, { input: { text: "y" } })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
      message: expect.stringContaining(first.id),
    });
    const again = await replay(old.id, { again: true, options: { priority: 2, queue: "data" } });
    expect(again.id).not.toBe(first.id);
    expect(again.queue).toBe("data");
    expect((await old.snapshot()).replayedBy).toBe(again.id);
  });

  test("a replay that died between its claim and its job is made by whoever repeats it", async () => {
    const old = await dead("x");
    const { redis, keys } = world.broker;
    const first = await world.client.deadLetters.replay(old.id);
    await ended(first);
    await first.forget();
    const key = keys.job("default", old.id);
    const record = JSON.parse((await redis.hget(key, "lovage:replay")) ?? "");
    await redis.hset(key, "lovage:replay", JSON.stringify({ ...record, added: undefined }));
    expect((await old.snapshot()).replayedBy).toBeUndefined();
    const second = await world.client.deadLetters.replay(old.id);
    expect(second.id).toBe(first.id);
    expect((await second.snapshot()).replayOf).toBe(old.id);
  });

  test("bad inputs, and jobs that are no dead letters, are refused", async () => {
    const old = await dead("x");
    const { replay, get, discard } = world.client.deadLetters;
    await expect(replay(old.id, { input: { text: 5 } })).rejects.toMatchObject({
      code: "INPUT_INVALID",
      field: "text",
    });
    await expect(replay(old.id, { options: { priority: 12 } })).rejects.toMatchObject({ field: "priority" });
    expect((await old.snapshot()).replayedBy).toBeUndefined();
    const fine = await world.client.enqueue("test.echo", {});
    await ended(fine);
    const waiting = await world.client.enqueue("test.echo", {}, { delay: "1h" });
    for (const call of [replay, get, discard]) {
      await expect(call(fine.id)).rejects.toMatchObject({ code: "JOB_NOT_DEAD" });
      await expect(call(waiting.id)).rejects.toMatchObject({ code: "JOB_NOT_ENDED" });
      await expect(call("nobody")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
    }
    await expect(world.client.deadLetters.list({ cursor: "x" })).rejects.toMatchObject({ field: "cursor" });
    await expect(world.client.deadLetters.list({ limit: 0 })).rejects.toMatchObject({ field: "limit" });
  });

  test("many are replayed with edited inputs, those replayed already are skipped, and one at fault stops none", async () => {
    const tag = "many";
    const olds = await Promise.all(
      Array.from({ length: 60 }, (_, index) => dead(`${index}`, { tags: [tag] })),
    );
    const told: number[] = [];
    const edit = {
      input: (old: unknown) => ({ ...(old as object), end: "result" }),
      onProgress: ({ replayed }: { replayed: number }) => void told.push(replayed),
    };
    const { replay, replayMany, list } = world.client.deadLetters;
    expect(await replayMany({ tag }, { ...edit, dryRun: true })).toMatchObject({ matched: 60, replayed: 60 });
    expect((await list({ tag })).jobs.every(({ replayedBy }) => replayedBy === undefined)).toBe(true);
    await replay(olds[0]?.id ?? "", { input: { text: "alone" } });
    const counts = await replayMany(
      { tag },
      {
        ...edit,
        input: (old, { id }) => (id === olds[1]?.id ? { text: 1 } : edit.input(old)),
      },
    );
    expect(counts).toMatchObject({ matched: 60, replayed: 58, skipped: 1 });
    expect(counts.failed).toMatchObject([{ id: olds[1]?.id, error: { code: "INPUT_INVALID" } }]);
    expect(told.at(-1)).toBe(58);
    const last = await world.client.get((await olds[5]?.snapshot())?.replayedBy ?? "");
    expect(await ended(last)).toMatchObject({ text: "5" });
    expect(await replayMany({ tag }, edit)).toMatchObject({ matched: 60, replayed: 1, skipped: 59 });
    expect(await replayMany({ tag }, { ...edit, again: true })).toMatchObject({ replayed: 60, skipped: 0 });
  });

  test("a dead letter is discarded with its log", async () => {
    const old = await dead("x");
    expect(await world.broker.redis.exists(world.broker.keys.logs("default", old.id))).toBe(1);
    await world.client.deadLetters.discard(old.id);
    expect(await world.broker.redis.exists(world.broker.keys.logs("default", old.id))).toBe(0);
    await expect(old.state()).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  });

  test("what others pushed into the queue fails, is shown, and can be replayed with an input or discarded", async () => {
    const queue = world.broker.queue("default");
    const garbage: [string, unknown, string][] = [
      ["test.echo", { hello: "world" }, "PAYLOAD_INVALID"],
      ["test.echo", [1, 2], "PAYLOAD_INVALID"],
      ["test.echo", "text", "PAYLOAD_INVALID"],
      ["test.echo", { v: 99, input: {}, meta: {} }, "PAYLOAD_INVALID"],
      ["test.echo", { v: 1, input: {}, meta: { tags: 7, metadata: "x" } }, "PAYLOAD_INVALID"],
      ["no.such.task", { v: 1, input: {}, meta: {} }, "TASK_UNKNOWN"],
    ];
    const before = new Set((await all()).map(({ id }) => id));
    for (const [name, data] of garbage) await queue.add(name, data);
    const { redis, keys } = world.broker;
    await redis.hset(keys.job("default", "raw"), { name: "test.echo", data: "{no json", opts: "null" });
    await redis.zadd(keys.at("").failed("default"), Date.now(), "raw");
    await expect
      .poll(async () => (await all()).filter(({ id }) => !before.has(id)).length, { timeout: 10_000 })
      .toBe(garbage.length + 1);
    const found = (await all({ limit: 3 })).filter(({ id }) => !before.has(id));
    expect(found.map(({ error }) => error?.code).toSorted()).toEqual(
      [...garbage.map(([, , code]) => code), undefined].toSorted(),
    );
    expect(JSON.parse(JSON.stringify(found))).toHaveLength(garbage.length + 1);
    for (const { id, error, task } of found) {
      const unknown = error?.code === "TASK_UNKNOWN";
      const code = unknown ? "TASK_UNKNOWN" : "PAYLOAD_INVALID";
      await expect(world.client.deadLetters.replay(id)).rejects.toMatchObject({ code });
      if (!unknown && task === "test.echo" && id !== "raw") {
        const job = await world.client.deadLetters.replay(id, { input: { text: "sane" } });
        expect(await ended(job)).toMatchObject({ text: "sane" });
      }
      if (id !== "raw") await world.client.deadLetters.discard(id);
    }
    await worker.stop();
  });
});
