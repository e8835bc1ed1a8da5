import { expect, test } from "vitest";
import * as z from "zod";
import { chain, chunks, group, signature } from "#client";
import { createCatalogue, defineTask, defineWorkflow, LovageError } from "#task";
import { createEagerClient, expectEnqueued, perform } from "../../src/testing/index.ts";

const double = defineTask({
  name: "w.double",
  queue: "default",
  input: z.number(),
  output: z.number(),
  async run(n) {
    if (n < 0) throw new LovageError("NEGATIVE", "not below nothing");
    return 2 * n;
  },
});
let effects = 0;
const flow = defineWorkflow({
  name: "w.flow",
  queue: "default",
  input: z.strictObject({ numbers: z.array(z.number()), wait: z.string().default("1d") }),
  output: z.strictObject({ sum: z.number(), slept: z.number(), same: z.boolean() }),
  async run({ numbers, wait }, context) {
    const begun = context.now().getTime();
    const id = context.uuid();
    const first = await context.step("note", () => {
      effects += 1;
      return id;
    });
    const doubled = await Promise.all(
      numbers.map((n) =>
        context.call(double, n).catch((error: LovageError) => (error.code === "NEGATIVE" ? 0 : 1)),
      ),
    );
    await context.sleep(wait);
    const slept = context.now().getTime() - begun;
    return { sum: doubled.reduce((a, b) => a + b, 0), slept, same: first === id };
  },
});
let runs = 0;
const fickle = defineWorkflow({
  name: "w.fickle",
  queue: "default",
  input: z.null(),
  output: z.number(),
  async run(_input, context) {
    runs += 1;
    return (await context.call(double, runs)) + (await context.call(double, 1));
  },
});
const plain = defineWorkflow({
  name: "w.plain",
  queue: "default",
  input: z.number(),
  output: z.number(),
  run: (n, context) => context.call(double, n),
});
const catalogue = createCatalogue([double, flow, fickle]);

test.each(["immediately", "on-drain"] as const)(
  "the eager client runs workflows by the engine itself: %s",
  async (run) => {
    effects = 0;
    const client = createEagerClient(catalogue, { run });
    const begun = client.clock.now();
    const job = await client.enqueue("w.flow", { numbers: [1, 2, -1] });
    await client.drain();
    expect(await job.result()).toEqual({ sum: 6, slept: 86_400_000, same: true });
    expect(client.clock.now() - begun).toBe(86_400_000);
    expect(effects).toBe(1);
    expectEnqueued(client, double);
    expect(client.enqueued.filter({ task: double }).map((call) => call.input)).toEqual([1, 2, -1]);
  },
);

test("perform runs one with the results that the test gives to its calls", async () => {
  const half = (n: unknown) => (n as number) / 2;
  const done = await perform(flow, { numbers: [4, 6], wait: "1h" }, { calls: { "w.double": half } });
  expect(done.output).toEqual({ sum: 5, slept: 3_600_000, same: true });
  expect(done.enqueued.all.map((call) => call.input)).toEqual([4, 6]);
  await expect(
    perform(flow, { numbers: [1], wait: "x" }, { calls: { "w.double": 1 } }),
  ).rejects.toMatchObject({
    code: "INPUT_INVALID",
  });
  await expect(perform(plain, 1)).rejects.toMatchObject({ code: "CALL_UNSCRIPTED" });
});

test("code that does not take the same way twice is found", async () => {
  const found = perform(fickle, null, { calls: { "w.double": 1 } });
  await expect(found).rejects.toMatchObject({ code: "WORKFLOW_CHANGED" });
});

test("compositions run too", async () => {
  const client = createEagerClient(catalogue);
  const doubled = (n: number) => signature(double, n);
  expect(await (await client.start(group([doubled(1), doubled(2)]))).result()).toEqual([2, 4]);
  expect(await (await client.start(chain(doubled(1), signature(double)))).result()).toBe(4);
  expect(await (await client.start(chunks(double, [1, 2, 3], 2))).result()).toEqual([[2, 4], [6]]);
});
