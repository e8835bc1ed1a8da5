import { expect, test } from "vitest";
import * as z from "zod";
import { createCatalogue, defineRayTask, defineTask, LovageError } from "#task";
import { expectEnqueued, perform, performOutcome } from "../../src/testing/index.ts";

const mail = defineTask({
  name: "t.mail",
  queue: "default",
  input: z.strictObject({ to: z.email(), at: z.string().optional() }),
  output: z.null(),
  run: async () => null,
});
const order = defineTask({
  name: "t.order",
  queue: "default",
  input: z.strictObject({ id: z.number(), when: z.unknown(), what: z.string().default("mail") }),
  output: z.strictObject({ id: z.number(), made: z.unknown() }),
  retry: { attempts: 2 },
  async run({ id, when, what }, context) {
    context.logger.info({ id, when: typeof when }, "ordering");
    await context.progress({ fraction: 0.5, message: "half" });
    await context.log(`order ${id}`);
    if (what === "retry") throw context.retry({ delay: "30s" });
    if (what === "boom") throw new Error("boom");
    if (what === "output") return { id: "x" } as never;
    if (what === "ray") {
      const made = await context.ray.run({ program: "price.py" }, { id });
      return { id, made };
    }
    if (what === "ray twice") {
      await context.ray.run({ program: "price.py" }, {});
      await context.ray.run({ program: "price.py" }, {});
    }
    if (what === "bad child") await context.enqueue("t.mail", { to: "nobody" });
    await context.enqueue("t.mail", { to: "a@b.org" }, { id: `mail-${id}` });
    await context.enqueue("t.mail", { to: "a@b.org" }, { id: `mail-${id}` });
    return { id, made: when };
  },
});
const train = defineRayTask({
  name: "t.train",
  queue: "ml",
  program: "train.py",
  input: z.strictObject({ rows: z.number() }),
  output: z.strictObject({ accuracy: z.number() }),
});
const catalogue = createCatalogue([mail, order, train]);

test("a result, and all that the run left behind; values pass through JSON as they do in Redis", async () => {
  const done = await perform(order, { id: 7, when: new Date(0) }, { catalogue });
  expect(done.output).toEqual({ id: 7, made: "1970-01-01T00:00:00.000Z" });
  expect(done.progress).toEqual([{ fraction: 0.5, message: "half" }]);
  expect(done.logs).toEqual(["order 7"]);
  expect(done.logged).toEqual([{ level: "info", fields: { id: 7, when: "string" }, message: "ordering" }]);
  expect(done.enqueued.all).toHaveLength(1);
  expect(expectEnqueued(done, mail, { to: "a@b.org" }).id).toBe("mail-7");
});

test.each([
  [{ id: "x" } as never, "INPUT_INVALID"],
  [{ id: 1, when: 0, what: "output" }, "OUTPUT_INVALID"],
  [{ id: 1, when: 0, what: "boom" }, "JOB_FAILED"],
  [{ id: 1, when: 0, what: "bad child" }, "INPUT_INVALID"],
  [{ id: 1, when: 0, what: "ray" }, "RAY_JOB_UNSCRIPTED"],
])("%j fails with %s, as it would on a worker", async (input, code) => {
  await expect(perform(order, input, { catalogue })).rejects.toMatchObject({ code });
});

test("outcomes as values: a retry with its delay, the last attempt, a cancellation, an attempt's facts", async () => {
  const input = { id: 1, when: 0, what: "retry" };
  expect((await performOutcome(order, input)).outcome).toMatchObject({ type: "retry", delay: 30_000 });
  const last = await performOutcome(order, input, { job: { attempt: 2 } });
  expect(last.outcome).toMatchObject({ type: "failed", error: { code: "RETRY_REQUESTED" } });
  const signal = AbortSignal.abort(new LovageError("JOB_CANCELLED", "no longer wanted"));
  expect((await performOutcome(order, input, { signal })).outcome).toMatchObject({ type: "cancelled" });
  const facts = defineTask({
    name: "t.facts",
    queue: "default",
    input: z.null(),
    output: z.unknown(),
    run: async (_input, { job, worker, settings }) => ({
      ...job,
      by: worker.name,
      cpus: settings.expectedCpus,
    }),
  });
  const { output } = await perform(facts, null, {
    job: { id: "j", attempt: 2, attempts: 5, tags: ["a"], metadata: { m: 1 }, headers: { trace: "t" } },
    context: { workerName: "w", settings: { expectedCpus: 25 } },
  });
  expect(output).toMatchObject({
    id: "j",
    attempt: 2,
    attempts: 5,
    tags: ["a"],
    metadata: { m: 1 },
    headers: { trace: "t" },
    by: "w",
    cpus: 25,
  });
});

test("a Ray program is scripted: its result, its failure, its progress and its log", async () => {
  const done = await perform(
    train,
    { rows: 10 },
    {
      ray: {
        program: "train.py",
        progress: [{ fraction: 0.1, message: "reading" }],
        log: ["read 10 rows"],
        result: (input: { rows: number }) => ({ accuracy: input.rows / 10 }),
      },
    },
  );
  expect(done).toMatchObject({
    output: { accuracy: 1 },
    progress: [{ fraction: 0.1, message: "reading" }],
    logs: ["read 10 rows"],
    rayJobs: [{ program: "train.py", input: { rows: 10 } }],
  });
  const failure = { code: "INPUT_TARGET_MISSING", message: "no column y", field: "target" };
  await expect(perform(train, { rows: 1 }, { ray: { failure } })).rejects.toMatchObject({
    ...failure,
    retryable: false,
  });
  const again = await performOutcome(train, { rows: 1 }, { ray: { failure: { ...failure, retry: true } } });
  expect(again.outcome.type).toBe("retry");
  await expect(perform(train, { rows: 1 }, { ray: { result: { accuracy: "high" } } })).rejects.toMatchObject({
    code: "OUTPUT_INVALID",
  });
  await expect(perform(train, { rows: 1 }, { ray: { program: "other.py" } })).rejects.toMatchObject({
    code: "RAY_JOB_UNSCRIPTED",
  });
});

test("a task's own Ray program is scripted too; a second one is refused", async () => {
  const ray = [{ program: "price.py", result: { price: 3 } }, {}];
  const done = await perform(order, { id: 1, when: 0, what: "ray" }, { ray });
  expect(done.output).toEqual({ id: 1, made: { price: 3 } });
  await expect(perform(order, { id: 1, when: 0, what: "ray twice" }, { ray })).rejects.toMatchObject({
    code: "RAY_JOB_SECOND",
  });
});

test("hooks surround it", async () => {
  const told: string[] = [];
  await perform(
    order,
    { id: 1, when: 0 },
    {
      hooks: [
        {
          beforeRun: ({ input }) => void told.push(`before ${(input as { id: number }).id}`),
          afterRun: (_run, output) => void told.push(`after ${(output as { id: number }).id}`),
        },
      ],
    },
  );
  expect(told).toEqual(["before 1", "after 1"]);
});
