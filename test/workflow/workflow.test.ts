import { afterEach, describe, expect, test } from "vitest";
import * as z from "zod";
import type { Client } from "#client";
import { createCatalogue, defineWorkflow, type TasksOf, type WorkflowContext } from "#task";
import { sweepParkedWorkflows } from "../../src/queue/parked-workflows.ts";
import { add, echo, rayEcho } from "../support/catalogue.ts";
import { callerSides } from "../support/sides.ts";
import { eventually, type World } from "../support/world.ts";

type Body = (context: WorkflowContext) => Promise<unknown>;

let body: Body;
const workflow = defineWorkflow({
  name: "test.workflow",
  queue: "default",
  input: z.strictObject({}),
  output: z.unknown(),
  run: (_input, context) => body(context),
});
const catalogue = createCatalogue([add, echo, rayEcho, workflow]);

describe.each(callerSides)("over %s", (_side, { createWorld }) => {
  let world: World;
  let client: Client<TasksOf<typeof catalogue>>;

  async function open(options: { work?: boolean } = {}): Promise<void> {
    world = await createWorld();
    client = world.connect({ catalogue }) as unknown as typeof client;
    if (options.work !== false) await world.worker({ catalogue, concurrency: 4 });
  }

  afterEach(async () => {
    await client.close();
    await world.close();
  });

  async function run(steps: Body): Promise<unknown> {
    body = steps;
    const job = await client.enqueue("test.workflow", {});
    return job.result({ timeout: "20s" });
  }

  test("calls in sequence, together, in a loop; a failure is caught", async () => {
    await open();
    const result = await run(async ({ call }) => {
      const one = await call(add, { numbers: [1] });
      const [two, three] = await Promise.all([
        call(add, { numbers: [one, 1] }),
        call(add, { numbers: [one, 2], milliseconds: 30 }),
      ]);
      let sum = two + three;
      for (let round = 0; round < 3; round += 1) sum = await call(add, { numbers: [sum, 1] });
      const caught = await call(add, { numbers: [-1] }).catch((error) => [error.code, error.message]);
      return { sum, caught };
    });
    expect(result).toEqual({ sum: 8, caught: ["TEST_NEGATIVE", "the sum is -1"] });
  });

  test("a workflow whose call fails fails with its error, and says where", async () => {
    await open();
    await expect(run(({ call }) => call(add, { numbers: [-5] }))).rejects.toMatchObject({
      code: "TEST_NEGATIVE",
    });
  });

  test("while its calls run it holds no slot, and its state says so", async () => {
    await open({ work: false });
    body = ({ call }) => call(echo, { seconds: 1, text: "slow" });
    await world.worker({ catalogue, concurrency: 1 });
    const job = await client.enqueue("test.workflow", {});
    await eventually("parked", async () => (await job.state()) === "waiting-children");
    expect(await job.result({ timeout: "10s" })).toEqual({ text: "slow", attempt: 1 });
  });

  test("sleep, time and ids survive being run again", async () => {
    await open();
    const seen: unknown[] = [];
    const result = await run(async (context) => {
      const before = context.now();
      const id = context.uuid();
      seen.push([before.getTime(), id]);
      await context.sleep(150);
      const after = context.now();
      await context.call(add, { numbers: [1] });
      return { id, other: context.uuid(), slept: after.getTime() - before.getTime() };
    });
    const { id, other, slept } = result as { id: string; other: string; slept: number };
    expect(slept).toBeGreaterThanOrEqual(150);
    expect(slept).toBeLessThan(5000);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(other).not.toBe(id);
    expect(seen).toHaveLength(3);
    expect(new Set(seen.map((entry) => JSON.stringify(entry))).size).toBe(1);
  });

  test("a race against a sleep is decided by the first, and the loser is cancelled", async () => {
    await open();
    const result = await run(async ({ call, sleep }) => {
      const slow = call(echo, { seconds: 60, text: "slow" });
      return Promise.race([slow, sleep(100).then(() => "too late")]);
    });
    expect(result).toBe("too late");
    const queue = world.broker.queue("default");
    await eventually("the loser ended", async () => (await queue.getActiveCount()) === 0, 10_000);
  });

  test("a step is taken once, and its error is the workflow's to catch", async () => {
    await open();
    let taken = 0;
    const result = await run(async ({ call, step }) => {
      const first = await step("count", () => ++taken);
      const failed = await step("fail", () => Promise.reject(new Error("no"))).catch(
        (error) => error.message,
      );
      await call(add, { numbers: [1] });
      const again = await step("try twice", () => (++taken === 2 ? Promise.reject(new Error("no")) : taken), {
        attempts: 2,
        backoff: 1,
      });
      return [first, failed, again];
    });
    expect(result).toEqual([1, "no", 3]);
  });

  test("a call that fails before it is awaited is met when it is awaited", async () => {
    await open();
    const result = await run(async ({ call }) => {
      const failing = call(add, { numbers: [-1] });
      const slow = call(echo, { seconds: 0.3, text: "slow" });
      await slow;
      return failing.catch((error) => error.code);
    });
    expect(result).toBe("TEST_NEGATIVE");
  });

  test("a workflow's own tools are refused inside a step", async () => {
    await open();
    await expect(run(({ step, uuid }) => step("id", () => uuid()))).rejects.toMatchObject({
      code: "TASK_INVALID",
      field: "uuid",
    });
  });

  test("a step's result is the same the first time as ever after: JSON", async () => {
    await open();
    const result = await run(async ({ call, step }) => {
      const date = await step("date", () => new Date(0));
      const before = typeof date;
      await call(add, { numbers: [1] });
      return [before, typeof date];
    });
    expect(result).toEqual(["string", "string"]);
  });

  test("it is run again when something happened, and only then", async () => {
    await open();
    let runs = 0;
    await run(async ({ call, step, sleep }) => {
      runs += 1;
      const slow = call(echo, { seconds: 0.6, text: "slow" });
      await Promise.all([step("one", () => 1), sleep(50), call(add, { numbers: [1] })]);
      await step("two", () => 2);
      return slow;
    });
    expect(runs).toBeLessThanOrEqual(5);
  });

  test("cancelling a workflow cancels what it called, Ray jobs too", async () => {
    await open();
    body = ({ call }) =>
      Promise.all([call(rayEcho, { seconds: 60 }), call(echo, { seconds: 60 }), call(add, { numbers: [1] })]);
    const job = await client.enqueue("test.workflow", {});
    const rayJob = await eventually("the Ray job runs", async () => {
      const called = await client.get(`${job.id}~0`).catch(() => undefined);
      const snapshot = await called?.snapshot();
      return snapshot?.progress?.message === "sleeping" && snapshot;
    });
    expect(rayJob.rayJob).toBeDefined();
    expect(await job.cancel("enough")).toBe("cancelled");
    await expect(job.result({ timeout: "10s" })).rejects.toMatchObject({ code: "JOB_CANCELLED" });
    for (const place of [0, 1]) {
      const called = await client.get(`${job.id}~${place}`);
      await eventually("a call is cancelled", async () => (await called.state()) === "cancelled");
    }
    expect(await (await client.get(`${job.id}~2`)).state()).toBe("completed");
  });

  test("one call's failure is met at once, not when the others have ended", async () => {
    await open();
    const begun = Date.now();
    await expect(
      run(({ call }) => Promise.all([call(echo, { seconds: 30 }), call(add, { numbers: [-1] })])),
    ).rejects.toMatchObject({ code: "TEST_NEGATIVE" });
    expect(Date.now() - begun).toBeLessThan(15_000);
  });

  test("a call whose job was removed by hand is told as lost; the sweeper wakes the workflow", async () => {
    await open();
    body = ({ call }) => call(add, { numbers: [1] }, { delay: "1h" });
    const job = await client.enqueue("test.workflow", {});
    await eventually("parked", async () => (await job.state()) === "waiting-children");
    const { redis, keys } = world.broker;
    const child = keys.job("default", `${job.id}~0`);
    await redis.del(child);
    await redis.zrem(keys.at(job.id).of("default", "delayed"), `${job.id}~0`);
    const shard = world.broker.shards[keys.shardOf(job.id)] ?? world.broker.shards[0];
    expect(await sweepParkedWorkflows(shard, "default")).toEqual([job.id]);
    await expect(job.result({ timeout: "10s" })).rejects.toMatchObject({ code: "CHILD_LOST" });
  });

  test("a workflow enqueued with a delay is not delayed again each time it goes on", async () => {
    await open();
    body = async ({ call }) => {
      for (let round = 0; round < 3; round += 1) await call(add, { numbers: [round] });
      return "done";
    };
    const job = await client.enqueue("test.workflow", {}, { delay: 1500 });
    const begun = Date.now();
    expect(await job.result({ timeout: "20s" })).toBe("done");
    // Four times would be six seconds.
    expect(Date.now() - begun).toBeLessThan(5900);
  });

  test("a thousand calls together, their results in order", async () => {
    await open();
    const result = await run(({ call }) =>
      Promise.all(Array.from({ length: 1000 }, (_, index) => call(add, { numbers: [index] }))),
    );
    expect(result).toEqual(Array.from({ length: 1000 }, (_, index) => index));
  });

  test("a workflow is read as a tree, with what its calls called in turn", async () => {
    await open();
    body = async ({ call, step, sleep }) => {
      await Promise.all([call(add, { numbers: [1] }), sleep(20)]);
      await step("name", () => "x");
      return call(add, { numbers: [-1] }).catch(() => "caught");
    };
    const job = await client.enqueue("test.workflow", {});
    await job.result({ timeout: "10s" });
    const tree = await client.workflow(job.id);
    expect(tree).toMatchObject({
      name: "test.workflow",
      state: "completed",
      counts: { calls: 4, failed: 1 },
    });
    expect(tree.calls.map(({ kind, name, state }) => [kind, name, state])).toEqual([
      ["task", "test.add", "completed"],
      ["sleep", "20", "completed"],
      ["step", "name", "completed"],
      ["task", "test.add", "failed"],
    ]);
    expect(tree.calls[3]?.error).toEqual({ code: "TEST_NEGATIVE", message: "the sum is -1" });
    expect((await job.snapshot()).calls).toBe(4);
    const part = await client.workflow(job.id, { maxCalls: 1 });
    expect(part.calls).toHaveLength(1);
    await expect(client.workflow("nobody")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  });

  test("results outlive the jobs that retention removes", async () => {
    await open({ work: false });
    const few = { age: 60_000, count: 5 };
    await world.worker({
      catalogue,
      concurrency: 4,
      retention: { result: few, failure: few, logLines: 10 },
    });
    const result = await run(async ({ call, sleep }) => {
      const calls = Array.from({ length: 60 }, (_, index) =>
        call(add, { numbers: [index % 2 === 0 ? index : -index] }).catch((error) => error.code),
      );
      const results = await Promise.all(calls);
      await sleep(20);
      return results;
    });
    expect(result).toEqual(
      Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? index : "TEST_NEGATIVE")),
    );
  });
});
