import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callerSides } from "../support/sides.ts";
import { eventually, type World } from "../support/world.ts";

describe.each(callerSides)("over %s", (_side, { createWorld, callsOnly = false }) => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
  });
  afterAll(() => world.close());

  test("a snapshot tells times, worker, attempts, progress, tags and metadata, and of an error code, stack and cause", async () => {
    const worker = await world.worker({ queues: ["default"], name: "who" });
    const options = { tags: ["t"], metadata: { ticket: 7 }, attempts: 2, backoff: 1 };
    const job = await world.client.enqueue("test.echo", { seconds: 0.1, end: "error" }, options);
    const thrown = await job.result({ timeout: "10s" }).catch((error) => error);
    const snapshot = await job.snapshot();
    expect(snapshot).toMatchObject({
      state: "failed",
      attempt: 2,
      attempts: 2,
      worker: "who",
      progress: { fraction: 1, message: "sleeping" },
      tags: ["t"],
      metadata: { ticket: 7 },
      error: { code: "JOB_FAILED", message: "boom", cause: "Error: boom" },
    });
    expect(snapshot.error?.stack).toContain("catalogue.ts");
    expect(thrown).toMatchObject({ code: "JOB_FAILED", stack: snapshot.error?.stack });
    const { enqueuedAt, startedAt, endedAt } = snapshot;
    expect(Number(startedAt)).toBeGreaterThanOrEqual(Number(enqueuedAt));
    expect(Number(endedAt)).toBeGreaterThanOrEqual(Number(startedAt) + 100);
    await worker.stop();
  });

  test("an ignored result is undefined, told by event as well as found by a look", async () => {
    const job = await world.client.enqueue("test.echo", { text: "x" }, { ignoreResult: true });
    const told = job.result({ timeout: "10s" });
    const worker = await world.worker({ queues: ["default"] });
    expect(await told).toBeUndefined();
    expect(await job.result()).toBeUndefined();
    expect((await job.snapshot()).output).toBeUndefined();
    await worker.stop();
  });

  test.skipIf(callsOnly)(
    "forgotten: the job, its result and its log are gone; only what has ended can be",
    async () => {
      const worker = await world.worker({ queues: ["default"] });
      const running = await world.client.enqueue("test.echo", { seconds: 0.5 });
      const later = await world.client.enqueue("test.echo", {}, { delay: "1h" });
      await eventually("the start", async () => (await running.state()) === "active");
      for (const job of [running, later])
        await expect(job.forget()).rejects.toMatchObject({
          code: "JOB_NOT_ENDED",
          field: "id",
          value: job.id,
        });
      await running.result({ timeout: "10s" });
      await running.forget();
      await expect(running.result({ timeout: 0 })).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
      expect(await world.broker.redis.exists(world.broker.keys.logs("default", running.id))).toBe(0);
      await later.cancel();
      await eventually("the drop", async () => (await later.snapshot()).endedAt !== undefined);
      await world.client.forget(later.id);
      await expect(world.client.forget(later.id)).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
      await worker.stop();
    },
  );

  test.skipIf(callsOnly)("a cancelled job that no worker has taken yet can be forgotten", async () => {
    const job = await world.client.enqueue("test.echo", {});
    await job.cancel();
    await job.forget();
    await expect(job.state()).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  });

  test("results expire by count and by age", async () => {
    const own = await createWorld();
    const worker = await own.worker({
      queues: ["default"],
      concurrency: 1,
      retention: { result: { age: 60_000, count: 3 }, failure: { age: 1000, count: 100 }, logLines: 10 },
    });
    const failed = await own.client.enqueue("test.echo", { end: "coded" }, { id: "fails" });
    await failed.result({ timeout: "10s" }).catch(() => {});
    const jobs = await own.client.enqueueMany(
      Array.from({ length: 6 }, (_, index) => ({ task: "test.echo", input: { text: `${index}` } }) as const),
    );
    await jobs[5]?.result({ timeout: "10s" });
    // Which of those that ended in the same millisecond are kept is left open.
    const found = await Promise.allSettled(jobs.map((job) => job.state()));
    const gone = jobs.filter((_job, index) => found[index]?.status === "rejected");
    expect(gone).toHaveLength(3);
    await expect(own.client.get(gone[0]?.id ?? "")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
    // BullMQ looks at the ages when another job fails.
    await eventually("the end of the failure's time", async () => {
      const job = await own.client.enqueue("test.echo", { end: "coded" });
      await job.result({ timeout: "10s" }).catch(() => {});
      return failed.state().then(
        () => false,
        (error) => error.code === "JOB_NOT_FOUND",
      );
    });
    await worker.stop();
    await own.close();
  });
});
