import { afterEach, beforeEach, expect, test } from "vitest";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

test("a job comes back with its result, its log and its times", async () => {
  await world.worker();
  const job = await world.client.enqueue("test.echo", { text: "hello" });
  expect(await job.result({ timeout: "10s" })).toEqual({ text: "hello", attempt: 1 });
  const snapshot = await job.snapshot();
  expect(snapshot).toMatchObject({
    state: "completed",
    worker: "test-worker",
    attempts: 3,
    input: { text: "hello" },
  });
  expect(snapshot.endedAt?.getTime()).toBeGreaterThanOrEqual(snapshot.enqueuedAt.getTime());
  expect(await Array.fromAsync(job.logs())).toEqual(["began hello"]);
});

test("an error that may pass is tried again, up to the last attempt", async () => {
  await world.worker();
  const first = await world.client.enqueue("test.echo", { end: "fail-first" });
  expect(await first.result({ timeout: "10s" })).toEqual({ text: "", attempt: 2 });
  const always = await world.client.enqueue("test.echo", { end: "error" });
  await expect(always.result({ timeout: "10s" })).rejects.toMatchObject({
    code: "JOB_FAILED",
    message: "boom",
  });
  expect(await always.snapshot()).toMatchObject({ state: "failed", attempt: 3 });
});

test("an error that says so is not tried again", async () => {
  await world.worker();
  const job = await world.client.enqueue("test.echo", { end: "coded" });
  await expect(job.result({ timeout: "10s" })).rejects.toMatchObject({
    code: "INPUT_INVALID",
    field: "text",
  });
  expect(await job.snapshot()).toMatchObject({ state: "failed", attempt: 1 });
});

test("a result that does not fit the task's schema is no success", async () => {
  await world.worker();
  const job = await world.client.enqueue("test.echo", { end: "bad-output" });
  await expect(job.result({ timeout: "10s" })).rejects.toMatchObject({
    code: "OUTPUT_INVALID",
    field: "text",
  });
});

test("what others wrote into the queue is refused with a code", async () => {
  await world.worker();
  const bad = { jobId: "from-elsewhere", attempts: 3 };
  await world.broker.queue("default").add("test.echo", { text: "no envelope" }, bad);
  await world.broker.queue("default").add("test.nobody", { v: 1, input: {}, meta: {} }, { jobId: "no-task" });
  await world.broker.queue("default").add("test.echo", { v: 99, input: {}, meta: {} }, { jobId: "too-new" });
  await world.broker
    .queue("default")
    .add("test.echo", { v: 1, input: { tex: 1 }, meta: {} }, { jobId: "bad-input" });
  const codes = {
    "from-elsewhere": "PAYLOAD_INVALID",
    "no-task": "TASK_UNKNOWN",
    "too-new": "PAYLOAD_INVALID",
    "bad-input": "INPUT_INVALID",
  };
  for (const [id, code] of Object.entries(codes)) {
    const job = await world.client.get(id);
    await expect(job.result({ timeout: "10s" })).rejects.toMatchObject({ code });
    expect(await job.snapshot()).toMatchObject({ state: "failed", attempt: 1 });
  }
});

test("a cancelled job that runs is told so at once and never tried again", async () => {
  await world.worker();
  const job = await world.client.enqueue("test.echo", { seconds: 60 });
  await eventually("the job runs", async () => (await job.state()) === "active");
  expect(await job.cancel("no longer wanted")).toBe("cancelling");
  await expect(job.result({ timeout: "20s" })).rejects.toMatchObject({
    code: "JOB_CANCELLED",
    message: "no longer wanted",
  });
  expect(await job.snapshot()).toMatchObject({ state: "cancelled", attempt: 1 });
  expect(await job.cancel()).toBe("ended");
});

test("a cancellation whose announcement is lost is found in the job's record", async () => {
  await world.worker();
  const job = await world.client.enqueue("test.echo", { seconds: 60 });
  await eventually("the job runs", async () => (await job.state()) === "active");
  await world.broker.redis.hset(
    world.broker.keys.job("default", job.id),
    "lovage:cancel",
    '{"reason":"unheard"}',
  );
  await expect(job.result({ timeout: "10s" })).rejects.toMatchObject({
    code: "JOB_CANCELLED",
    message: "unheard",
  });
});

test("a job cancelled before it starts is cancelled at once and never runs", async () => {
  const waiting = await world.client.enqueue("test.echo", { text: "waiting" });
  const scheduled = await world.client.enqueue("test.echo", { text: "scheduled" }, { delay: "1h" });
  expect(await waiting.cancel()).toBe("cancelled");
  expect(await scheduled.cancel()).toBe("cancelled");
  await expect(waiting.result({ timeout: "20s" })).rejects.toMatchObject({ code: "JOB_CANCELLED" });
  await world.worker();
  for (const job of [waiting, scheduled]) {
    await eventually("the worker dropped it", async () => (await job.snapshot()).endedAt);
    expect(await job.state()).toBe("cancelled");
    expect(await Array.fromAsync(job.logs())).toEqual([]);
  }
});

test("a job that was not started in time expires", async () => {
  const job = await world.client.enqueue("test.echo", {}, { expires: 1 });
  const enqueued = Date.now();
  await eventually("it is late", () => Date.now() > enqueued + 1);
  await world.worker();
  await expect(job.result({ timeout: "20s" })).rejects.toMatchObject({ code: "JOB_EXPIRED" });
  expect(await job.state()).toBe("expired");
});

test("a stopping worker lets its jobs finish, hands the rest back, and another goes on with the same attempt", async () => {
  const first = await world.worker({ shutdownTimeout: 1500, name: "first" });
  const short = await world.client.enqueue("test.echo", { seconds: 0.5, text: "short" });
  const long = await world.client.enqueue("test.echo", { seconds: 3, text: "long" });
  await eventually(
    "both run",
    async () => (await short.state()) === "active" && (await long.state()) === "active",
  );
  await first.stop();
  expect(await short.state()).toBe("completed");
  expect(await long.state()).toBe("waiting");
  await world.worker({ name: "second" });
  expect(await long.result({ timeout: "15s" })).toEqual({ text: "long", attempt: 1 });
  expect((await long.snapshot()).worker).toBe("second");
});

test("progress comes as it is made and ends with the job", async () => {
  await world.worker();
  const job = await world.client.enqueue("test.echo", { seconds: 0.5 });
  const fractions = (await Array.fromAsync(job.progress())).map((progress) => progress.fraction);
  expect(fractions.at(-1)).toBe(1);
  expect(fractions).toEqual([...fractions].sort());
  expect(await job.state()).toBe("completed");
});
