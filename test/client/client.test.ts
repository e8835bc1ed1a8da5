import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClient } from "#client";
import type { TestTasks } from "../support/catalogue.ts";
import { freePort } from "../support/free-port.ts";
import { callerSides } from "../support/sides.ts";
import type { World } from "../support/world.ts";

describe.each(callerSides)("over %s", (_side, { createWorld }) => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld({ published: false });
  });
  afterAll(() => world.close());

  test("before any worker has published its tasks, a client without the catalogue says what to do", async () => {
    const client = world.connect();
    await expect(client.enqueue("test.echo", {})).rejects.toMatchObject({ code: "CATALOGUE_EMPTY" });
    await client.close();
  });

  test("a client knows the tasks from what the workers published", async () => {
    await world.worker();
    const client = world.connect();
    const job = await client.enqueue("test.echo", { text: "by name" });
    expect(await job.result({ timeout: "10s" })).toEqual({ text: "by name", attempt: 1 });
    await expect(client.enqueue("test.echo", { text: 5 as never })).rejects.toMatchObject({
      code: "INPUT_INVALID",
      field: "text",
    });
    await expect(client.enqueue("test.ecco" as "test.echo", {})).rejects.toMatchObject({
      code: "TASK_UNKNOWN",
      hint: "did you mean test.echo?",
    });
    expect((await client.tasks()).map((task) => task.name)).toContain("test.ray_echo");
    await client.close();
  });

  test("many calls: results in order, and one bad input stops them all before any is sent", async () => {
    const texts = ["a", "b", "c"];
    const jobs = await world.client.enqueueMany(
      texts.map((text) => ({ task: "test.echo", input: { text } })),
    );
    const results = await Promise.all(jobs.map((job) => job.result({ timeout: "10s" })));
    expect(results.map((result) => (result as { text: string }).text)).toEqual(texts);
    const before = await world.broker.queue("default").getJobCounts();
    const calls = [
      { task: "test.echo", input: {} } as const,
      { task: "test.echo", input: { text: 1 as never } } as const,
    ];
    await expect(world.client.enqueueMany(calls)).rejects.toMatchObject({ code: "INPUT_INVALID" });
    expect(await world.broker.queue("default").getJobCounts()).toEqual(before);
  });

  test("the same id twice is one job", async () => {
    const first = await world.client.enqueue("test.echo", { text: "once" }, { id: "once" });
    const second = await world.client.enqueue("test.echo", { text: "twice" }, { id: "once" });
    expect(second.id).toBe(first.id);
    expect(await second.result({ timeout: "10s" })).toMatchObject({ text: "once" });
  });

  test("a smaller priority goes first, and a delayed job is scheduled", async () => {
    const scheduled = await world.client.enqueue("test.echo", {}, { delay: "1h" });
    expect(await scheduled.state()).toBe("scheduled");
    await scheduled.cancel();
    await expect(world.client.enqueue("test.echo", {}, { priority: 10 })).rejects.toMatchObject({
      code: "INPUT_INVALID",
      field: "priority",
    });
    await expect(world.client.enqueue("test.echo", {}, { delay: "soon" })).rejects.toMatchObject({
      field: "delay",
    });
    await expect(world.client.enqueue("test.echo", {}, { id: "a:b" })).rejects.toMatchObject({ field: "id" });
  });

  test("an unknown id says so, and is never pending", async () => {
    await expect(world.client.get("nobody")).rejects.toMatchObject({
      code: "JOB_NOT_FOUND",
      value: "nobody",
    });
  });

  test("a wait is bounded, and the job goes on", async () => {
    const job = await world.client.enqueue("test.echo", { seconds: 1.5, text: "slow" });
    await expect(job.result({ timeout: 200 })).rejects.toMatchObject({ code: "WAIT_TIMEOUT" });
    expect(await job.result({ timeout: "10s" })).toMatchObject({ text: "slow" });
  });

  test.each([1024 * 1024, 10_000_000])("an input of %i bytes is refused before it is sent", async (size) => {
    const text = "x".repeat(size);
    await expect(world.client.enqueue("test.echo", { text })).rejects.toMatchObject({
      code: "DATA_TOO_LARGE",
    });
  });

  test("a Redis that is not there: a clear error after a bounded wait, without the password", async () => {
    const port = await freePort();
    const client = createClient<TestTasks>({ redis: `redis://:s3cr3t@127.0.0.1:${port}`, timeout: "300ms" });
    const error = await client.enqueue("test.echo", {}).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "REDIS_UNAVAILABLE", retryable: true });
    expect(error.message).toContain(`127.0.0.1:${port}`);
    expect(JSON.stringify(error.toRecord())).not.toContain("s3cr3t");
    await client.close();
  });

  test("jobs of one id in two queues: a handle keeps to its own, a look by id alone asks which", async () => {
    const waiting = await createWorld();
    const { client } = waiting;
    const options = { id: "2026-01-01" };
    const [local, onRay] = await client.enqueueMany([
      { task: "test.echo", input: {}, options },
      { task: "test.ray_echo", input: {}, options },
    ]);
    await expect(client.get(options.id)).rejects.toMatchObject({ code: "JOB_AMBIGUOUS" });
    expect((await client.get(options.id, { queue: "ml" })).task).toBe("test.ray_echo");
    expect(await local?.cancel()).toBe("cancelled");
    expect(await local?.state()).toBe("cancelled");
    expect(await onRay?.state()).toBe("waiting");
    await waiting.close();
  });
});
