import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Deduplication } from "#client";
import { callerSides } from "../support/sides.ts";
import { eventually, type World } from "../support/world.ts";

describe.each(callerSides)("over %s", (_side, { createWorld }) => {
  let world: World;
  let number = 0;
  let key = "";
  beforeAll(async () => {
    world = await createWorld();
  });
  beforeEach(() => {
    number += 1;
    key = `key-${number}`;
  });
  afterAll(() => world.close());

  const call = (text: string, deduplication: Deduplication, seconds = 0) =>
    world.client.enqueue("test.echo", { text, seconds }, { deduplication });
  const textOf = async (job: Awaited<ReturnType<typeof call>>) =>
    ((await job.snapshot()).input as { text: string }).text;
  const starting = (job: Awaited<ReturnType<typeof call>>) =>
    eventually("the job's start", async () => (await job.state()) === "active");

  test("skip: while one has not ended, a further call is dropped and its handle is the first job's", async () => {
    const first = await call("a", { key });
    const second = await call("b", { key });
    expect(second.id).toBe(first.id);
    const [third] = await world.client.enqueueMany([
      { task: "test.echo", input: { text: "c" }, options: { deduplication: { key } } },
    ]);
    expect(third?.id).toBe(first.id);
    const other = await world.client.enqueue("test.ray_echo", {}, { deduplication: { key } });
    expect(other.id).not.toBe(first.id);
    const worker = await world.worker({ queues: ["default"] });
    expect(await second.result({ timeout: "10s" })).toMatchObject({ text: "a" });
    const later = await call("d", { key });
    expect(later.id).not.toBe(first.id);
    await worker.stop();
  });

  test("throttle: dropped for its ttl, even when the first has ended", async () => {
    const worker = await world.worker({ queues: ["default"] });
    const first = await call("a", { key, mode: "throttle", ttl: "1s" });
    await first.result({ timeout: "10s" });
    const second = await call("b", { key, mode: "throttle", ttl: "1s" });
    expect(second.id).toBe(first.id);
    const third = await eventually("the end of the ttl", async () => {
      const job = await call("c", { key, mode: "throttle", ttl: "1s" });
      return job.id !== first.id && job;
    });
    expect(await third.result({ timeout: "10s" })).toMatchObject({ text: "c" });
    await worker.stop();
  });

  test("debounce: the last call takes the place of those that wait, and a call during the run waits anew", async () => {
    const first = await call("a", { key, mode: "debounce", ttl: "700ms" });
    const second = await call("b", { key, mode: "debounce", ttl: "700ms" }, 1);
    expect(second.id).not.toBe(first.id);
    await expect(first.state()).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
    expect(await second.state()).toBe("scheduled");
    const worker = await world.worker({ queues: ["default"] });
    await starting(second);
    const third = await call("c", { key, mode: "debounce", ttl: "100ms" });
    expect(third.id).not.toBe(second.id);
    expect(await second.result({ timeout: "10s" })).toMatchObject({ text: "b" });
    expect(await third.result({ timeout: "10s" })).toMatchObject({ text: "c" });
    await worker.stop();
  });

  test("debounce: a call that meets a job whose time has come gives it its input", async () => {
    const first = await call("a", { key, mode: "debounce", ttl: "1h" });
    await (await world.broker.queueAt("default", first.id).getJob(first.id))?.promote();
    const second = await call("b", { key, mode: "debounce", ttl: "1h" });
    expect(second.id).toBe(first.id);
    expect(await textOf(first)).toBe("b");
    await first.cancel();
  });

  test("keep-last: a waiting job gets the newest input; while one runs, the newest call alone follows it", async () => {
    const deduplication = { key, mode: "keep-last" } as const;
    const first = await call("a", deduplication, 1);
    const second = await call("b", deduplication, 1);
    expect(second.id).toBe(first.id);
    expect(await textOf(first)).toBe("b");
    const worker = await world.worker({ queues: ["default"] });
    await starting(first);
    const third = await call("c", deduplication);
    const fourth = await call("d", deduplication);
    expect([third.id, fourth.id]).toEqual([first.id, first.id]);
    expect(await first.result({ timeout: "10s" })).toMatchObject({ text: "b" });
    const texts = await eventually("the job that follows", async () => {
      const jobs = await world.broker.queueAt("default", first.id).getCompleted();
      const mine = jobs.filter((job) => job.deduplicationId === `test.echo:${key}`);
      return mine.length === 2 && mine.map((job) => job.returnvalue.text);
    });
    expect(texts.toSorted()).toEqual(["b", "d"]);
    await worker.stop();
  });

  test("keep-last: a call that meets a cancelled job, or one between two attempts, is a job of its own", async () => {
    const deduplication = { key, mode: "keep-last" } as const;
    const cancelled = await call("a", deduplication);
    await cancelled.cancel();
    const second = await call("b", deduplication);
    expect(second.id).not.toBe(cancelled.id);
    await world.broker.redis.hset(world.broker.keys.job("default", second.id), "ats", 1);
    const third = await call("c", deduplication);
    expect(third.id).not.toBe(second.id);
    expect(await textOf(second)).toBe("b");
    expect((await call("d", deduplication)).id).toBe(third.id);
  });

  test.each([
    [{ key: "" }, "key"],
    [{ key: "k", mode: "throttle" }, "ttl"],
    [{ key: "k", mode: "debounce", ttl: 0 }, "ttl"],
    [{ key: "k", mode: "skip", ttl: "1s" }, "ttl"],
    [{ key: "k", mode: "last" }, "mode"],
  ])("%j is refused", async (deduplication, field) => {
    await expect(
      world.client.enqueue("test.echo", {}, { deduplication: deduplication as Deduplication }),
    ).rejects.toMatchObject({ code: "INPUT_INVALID", field: `deduplication.${field}` });
  });

  test("a debounced call has its own wait", async () => {
    const options = { delay: "1s", deduplication: { key, mode: "debounce", ttl: "1s" } } as const;
    await expect(world.client.enqueue("test.echo", {}, options)).rejects.toMatchObject({
      field: "deduplication.mode",
    });
  });
});
