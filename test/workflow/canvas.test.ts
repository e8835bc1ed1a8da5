import { afterEach, beforeEach, describe, expect, test } from "vitest";
import * as z from "zod";
import { type Client, chain, chord, chunks, group, map, signature } from "#client";
import { createCatalogue, defineTask, defineWorkflow, type TasksOf } from "#task";
import { jobFields } from "../../src/queue/keys.ts";
import type { History } from "../../src/task/workflow-run.ts";
import { add, echo } from "../support/catalogue.ts";
import { callerSides } from "../support/sides.ts";
import { eventually, type World } from "../support/world.ts";

let bodies = 0;
const sum = defineTask({
  name: "test.sum",
  queue: "data",
  input: z.array(z.number()),
  output: z.number(),
  run: async (numbers) => {
    bodies += 1;
    return numbers.reduce((total, number) => total + number, 0);
  },
});
const report = defineTask({
  name: "test.report",
  queue: "default",
  input: z.looseObject({}),
  output: z.looseObject({}),
  run: async (input) => input,
});
const more = defineTask({
  name: "test.more",
  queue: "default",
  input: z.number(),
  output: z.number(),
  run: async (number) => number + 1,
});
const lone = defineWorkflow({
  name: "test.lone",
  queue: "default",
  input: z.object({}),
  output: z.null(),
  run: async () => null,
});
const nothing = defineTask({
  name: "test.nothing",
  queue: "default",
  input: z.null(),
  output: z.string(),
  run: async () => "nothing",
});
const catalogue = createCatalogue([add, echo, sum, more, report, lone, nothing]);

describe.each(callerSides)("over %s", (_side, { createWorld }) => {
  let world: World;
  let client: Client<TasksOf<typeof catalogue>>;

  beforeEach(async () => {
    bodies = 0;
    world = await createWorld();
    client = world.connect({ catalogue }) as unknown as typeof client;
    await world.worker({ catalogue, concurrency: 4 });
  });

  afterEach(async () => {
    await client.close();
    await world.close();
  });

  const plus = (number: number) => signature(add, { numbers: [number] });
  const failing = signature(add, { numbers: [-1] });
  const timeout = { timeout: "20s" };

  test("a chain gives each call the result of the one before, whole, into a field, or not at all", async () => {
    const job = await client.start(
      chain(
        signature(echo, { text: "hello" }),
        signature(report),
        signature(report, { title: "report" }, { into: "body" }),
        signature(report, { alone: true }),
      ),
    );
    expect(await job.result(timeout)).toEqual({ alone: true });
    const steps = await Promise.all(
      [1, 2].map(async (place) => (await client.get(`${job.id}~${place}`)).result()),
    );
    expect(steps).toEqual([
      { text: "hello", attempt: 1 },
      { title: "report", body: { text: "hello", attempt: 1 } },
    ]);
  });

  test("a chain goes on where it was: what is kept to repeat does not grow, and its tree has all calls", async () => {
    const next = signature(more);
    const twelve = [signature(more, 0), ...Array.from({ length: 11 }, () => next)];
    const job = await client.start(chain(...twelve, group([next, next]), signature(sum)));
    expect(await job.result(timeout)).toBe(26);
    const { broker } = world;
    const text = await broker.redis.hget(broker.keys.job("default", job.id), jobFields.history);
    const history = JSON.parse(text ?? "") as History;
    expect(history).toMatchObject({ calls: { length: 15 }, batches: [], checkpoint: { place: 14 } });
    expect((await client.workflow(job.id)).calls.map(({ state }) => state)).toEqual(
      Array(15).fill("completed"),
    );
  });

  test("a chain's large results are not kept twice", async () => {
    const text = "x".repeat(20_000);
    const job = await client.start(
      chain(signature(echo, { text }), signature(report), signature(report), signature(report), plus(2)),
    );
    expect(await job.result(timeout)).toBe(2);
    const { broker } = world;
    const size = await broker.redis.hstrlen(broker.keys.job("default", job.id), jobFields.history);
    expect(size).toBeLessThan(1000);
  });

  test("a group's results come in order, however its calls end", async () => {
    const slow = signature(add, { numbers: [1], milliseconds: 60 });
    const job = await client.start(
      group([slow, plus(2), chain(plus(3), signature(report, {}, { into: "sum" }))]),
    );
    expect(await job.result(timeout)).toEqual([1, 2, { sum: 3 }]);
  });

  test("a group lets all of its calls end before it fails, unless it is told otherwise", async () => {
    const slow = signature(echo, { text: "done", seconds: 0.2 });
    const waiting = await client.start(group([failing, slow]));
    await expect(waiting.result(timeout)).rejects.toMatchObject({ code: "TEST_NEGATIVE" });
    expect(await (await client.get(`${waiting.id}~1`)).state()).toBe("completed");

    const long = signature(echo, { seconds: 60 });
    const fast = await client.start(group([failing, long], { failure: "fail-fast" }));
    await expect(fast.result(timeout)).rejects.toMatchObject({ code: "TEST_NEGATIVE" });
    const cancelled = await client.get(`${fast.id}~1`);
    await eventually("the other is cancelled", async () => (await cancelled.state()) === "cancelled");

    const collected = await client.start(group([failing, plus(4)], { failure: "collect" }));
    expect(await collected.result(timeout)).toEqual([
      { status: "rejected", error: { code: "TEST_NEGATIVE", message: "the sum is -1" } },
      { status: "fulfilled", value: 4 },
    ]);
  });

  test("a chord calls its body once, with all results in order", async () => {
    const job = await client.start(chord([1, 2, 3].map(plus), signature(sum)));
    expect(await job.result(timeout)).toBe(6);
    expect(bodies).toBe(1);
  });

  test("a chord whose header fails calls the error callback, and never its body", async () => {
    const job = await client.start(chord([plus(1), failing], signature(sum)), {
      onFailure: { task: "test.report" },
    });
    await expect(job.result(timeout)).rejects.toMatchObject({ code: "TEST_NEGATIVE" });
    const callback = await eventually("the callback", () =>
      client.get(`${job.id}~failure`).catch(() => undefined),
    );
    expect(await callback.result(timeout)).toMatchObject({ id: job.id, error: { code: "TEST_NEGATIVE" } });
    expect(bodies).toBe(0);
  });

  test("an input that is null is an input of its own", async () => {
    const job = await client.start(chain(signature(add, { numbers: [1] }), signature(nothing, null)));
    expect(await job.result(timeout)).toBe("nothing");
  });

  test("map and chunks", async () => {
    const inputs = Array.from({ length: 7 }, (_, index) => ({ numbers: [index, 1] }));
    expect(await (await client.start(map(add, inputs))).result(timeout)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    const chunked = await client.start(chunks(add, inputs, 3));
    expect(await chunked.result(timeout)).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
    const queues = await Promise.all(
      [0, 1, 2].map(async (place) => (await (await client.get(`${chunked.id}~${place}`)).snapshot()).queue),
    );
    expect(queues).toEqual(["default", "default", "default"]);
    await expect(client.get(`${chunked.id}~3`)).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  });

  test("an empty group ends at once; a thousand take one workflow", async () => {
    expect(await (await client.start(group([]))).result(timeout)).toEqual([]);
    const job = await client.start(
      chord(
        Array.from({ length: 1000 }, () => plus(1)),
        signature(sum),
      ),
    );
    expect(await job.result(timeout)).toBe(1000);
  });

  test.each([
    ["an unknown task", chain(signature("test.ad", {})), "TASK_UNKNOWN"],
    ["an input that does not fit", group([signature(add, { numbers: ["1"] })]), "INPUT_INVALID"],
    ["a first call without its input", chain(signature(add), signature(sum)), "INPUT_INVALID"],
    ["a chain of nothing", chain(), "INPUT_INVALID"],
    ["an option out of bounds", group([signature(echo, {}, { priority: 12 })]), "INPUT_INVALID"],
    [
      "an option that calls have not",
      group([signature(echo, {}, { id: "mine" } as object)]),
      "INPUT_INVALID",
    ],
    ["a workflow in chunks", chunks(lone, [{}], 2), "INPUT_INVALID"],
  ])("%s is refused at the client", async (_what, composition, code) => {
    await expect(client.start(composition)).rejects.toMatchObject({ code });
  });
});
