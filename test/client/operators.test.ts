import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { OutgoingCall } from "#client";
import { sides } from "../support/sides.ts";
import { eventually, type World } from "../support/world.ts";

describe.each(sides)("over %s", (_side, { createWorld }) => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.close());

  test("hooks see each call with its queue, their headers reach the job, and what fails after the fact is told", async () => {
    const seen: OutgoingCall[] = [];
    const faults: Error[] = [];
    const client = world.connect({
      onError: (error) => faults.push(error),
      hooks: [
        {
          beforeEnqueue(call) {
            seen.push({ ...call });
            call.headers["trace"] = `t-${seen.length}`;
          },
          afterEnqueue(_call, { id }) {
            if (id === "second") throw new Error("the after-hook failed");
          },
        },
      ],
    });
    const call = { task: "test.echo", input: { text: "x" } } as const;
    const [first] = await client.enqueueMany([
      { ...call, options: { tags: ["t"], metadata: { owner: "ann" }, headers: { own: "yes" } } },
      { ...call, options: { id: "second", queue: "data" } },
    ]);
    await client.start({ type: "call", task: "test.echo" });
    expect(seen).toMatchObject([
      { ...call, queue: "default", tags: ["t"], metadata: { owner: "ann" }, headers: { own: "yes" } },
      { ...call, queue: "data", tags: [], metadata: {} },
      { task: "lovage.canvas", queue: "default" },
    ]);
    const data = await world.broker.redis.hget(world.broker.keys.job("default", first?.id ?? ""), "data");
    expect(JSON.parse(data ?? "").meta.headers).toEqual({ own: "yes", trace: "t-1" });
    expect(faults).toMatchObject([{ message: expect.stringContaining("the after-hook failed") }]);
    const refusing = world.connect({
      hooks: [{ beforeEnqueue: () => Promise.reject(new Error("not today")) }],
    });
    await expect(refusing.enqueue("test.echo", {}, { id: "refused" })).rejects.toThrow("not today");
    await expect(client.get("refused")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
    for (const headers of [{ n: 5 }, [], { text: "x".repeat(9000) }])
      await expect(client.enqueue("test.echo", {}, { headers } as never)).rejects.toMatchObject({
        field: "headers",
      });
    await Promise.all([client.close(), refusing.close()]);
  });

  test("jobs are searched, a part at a time", async () => {
    const { client } = world;
    await client.enqueueMany(
      Array.from({ length: 5 }, (_, index) => ({
        task: "test.echo" as const,
        input: { text: `needle ${index}` },
        options: { id: `n-${index}`, tags: ["hay"] },
      })),
    );
    await client.enqueue("test.echo", { text: "other" }, { id: "other", delay: "1h" });
    const found: string[] = [];
    let cursor: string | null = null;
    do {
      const part: Awaited<ReturnType<typeof client.search>> = await client.search(
        { text: "NEEDLE", tag: "hay", states: ["waiting"], since: new Date(Date.now() - 60_000) },
        { limit: 2, ...(cursor !== null && { cursor }) },
      );
      found.push(...part.jobs.map(({ id }) => id));
      cursor = part.cursor;
    } while (cursor !== null);
    expect(found.toSorted()).toEqual(["n-0", "n-1", "n-2", "n-3", "n-4"]);
    const { jobs } = await client.search({ id: "oth" });
    expect(jobs).toMatchObject([{ id: "other", state: "scheduled", at: expect.any(Date), startedAt: null }]);
    await expect(client.search({ states: ["wating"] } as never)).rejects.toMatchObject({ field: "states" });
    await expect(client.search({}, { limit: 0 })).rejects.toMatchObject({ field: "limit" });
  });

  test("schedules are made, changed, told, paused, run, made up for and removed", async () => {
    const { schedules } = world.client;
    const start = new Date("2027-01-01T00:00:00.000Z");
    const made = await schedules.create("test.echo", {
      name: "hourly",
      cron: "0 * * * *",
      start,
      input: { text: "on time" },
      tags: ["timed"],
    });
    expect(made).toMatchObject({ name: "hourly", origin: "made", starts: start, input: { text: "on time" } });
    await expect(schedules.create("test.echo", { name: "hourly", every: "1h" })).rejects.toMatchObject({
      code: "SCHEDULE_EXISTS",
    });
    await expect(schedules.create("test.echo", { every: "1h", cron: "* * * * *" })).rejects.toMatchObject({
      code: "INPUT_INVALID",
    });
    expect((await schedules.list()).map(({ name }) => name)).toEqual(["hourly"]);
    const times = await schedules.next("hourly", 3);
    expect(times.map((at) => at.getTime() % 3_600_000)).toEqual([0, 0, 0]);
    expect(await schedules.pause("hourly", { note: "a holiday" })).toMatchObject({
      paused: { note: "a holiday" },
      next: null,
    });
    expect((await schedules.resume("hourly")).paused).toBeNull();
    const job = await schedules.run("hourly", { input: { text: "now" } });
    expect((await job.snapshot()).input).toEqual({ text: "now" });
    await schedules.update("hourly", { every: "1h", input: { text: "changed" } });
    const to = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000);
    const range = { from: new Date(to.getTime() - 7_200_000), to };
    const filled = await schedules.backfill("hourly", range);
    expect(filled.map(({ at, existing }) => [at.getTime(), existing])).toEqual([
      [range.from.getTime(), false],
      [range.from.getTime() + 3_600_000, false],
      [to.getTime(), false],
    ]);
    expect((await schedules.backfill("hourly", range)).every(({ existing }) => existing)).toBe(true);
    await schedules.remove("hourly");
    await expect(schedules.get("hourly")).rejects.toMatchObject({ code: "SCHEDULE_NOT_FOUND" });
  });

  test("what happened is told by steps of time, and a workflow as a tree", async () => {
    const { client } = world;
    await world.worker({ queues: ["default"] });
    const job = await client.enqueue("test.climb", { rounds: 1 });
    expect(await job.result({ timeout: "30s" })).toMatchObject({ sum: 2 });
    const tree = await client.workflow(job.id, { maxCalls: 1 });
    expect(tree).toMatchObject({
      name: "test.climb",
      state: "completed",
      enqueuedAt: expect.any(Date),
      counts: { calls: 2 },
      calls: [{ name: "test.add", state: "completed" }],
    });
    expect(tree.calls).toHaveLength(1);
    const history = await eventually("it is counted", async () => {
      const told = await client.history({ span: "hour", queue: "default" });
      return told.total.completed >= 3 && told;
    });
    expect(history.points.at(-1)?.at).toBeInstanceOf(Date);
  });
});
