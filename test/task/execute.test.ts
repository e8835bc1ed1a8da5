import { expect, test } from "vitest";
import * as z from "zod";
import { createCatalogue, defineTask, LovageError } from "#task";
import { encodeCall } from "../../src/task/codec.ts";
import { type Attempt, type Delivery, type Executors, execute } from "../../src/task/execute.ts";
import { RetryRequest } from "../../src/task/retry.ts";

const number = defineTask({
  name: "number",
  queue: "default",
  input: z.strictObject({ n: z.number() }),
  output: z.number(),
  async run({ n }) {
    if (n < 0) throw new LovageError("INPUT_INVALID", "negative");
    if (n === 0) throw new Error("zero");
    return n;
  },
});
const stuck = defineTask({
  name: "stuck",
  queue: "default",
  input: z.unknown(),
  output: z.unknown(),
  run: () => new Promise(() => {}),
});

/** Hears the soft limit and decides by its input what then becomes of it. */
const tidy = defineTask({
  name: "tidy",
  queue: "default",
  softTimeLimit: 10,
  timeLimit: 40,
  input: z.enum(["returns", "throws", "goes on", "own error"]),
  output: z.string(),
  run: (then, { signal }) =>
    new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => {
        if (then === "returns") resolve("half");
        if (then === "throws") reject(new Error("interrupted"));
        if (then === "own error") reject(new LovageError("MINE", "as I like"));
      });
    }),
});
const picky = defineTask({
  name: "picky",
  queue: "default",
  retry: { attempts: 5, retryOn: ["A", "B"], neverRetryOn: ["B", "JOB_FAILED"] },
  input: z.string(),
  output: z.string(),
  run: async (code, context) => {
    if (code === "retry") throw context.retry({ delay: "30s", reason: "not yet" });
    throw code === "" ? new Error("plain") : new LovageError(code, "thrown");
  },
});

const executors = {
  catalogue: createCatalogue([number, stuck, tidy, picky]),
  context: ({ signals }: Attempt) => ({
    signal: signals.task,
    retry: (options: object) => new RetryRequest(options),
  }),
  timeLimits: () => undefined,
  isLimited: () => false,
} as unknown as Executors<Delivery>;

function delivery(changes: Partial<Delivery> = {}): Delivery {
  return {
    id: "1",
    task: "number",
    queue: "default",
    data: encodeCall({ n: 2 }, {}),
    attempt: 1,
    attempts: 2,
    fence: 1,
    enqueuedAt: 0,
    firstStart: true,
    signal: new AbortController().signal,
    ...changes,
  };
}

test.each<[string, Partial<Delivery>, object]>([
  ["a result", {}, { type: "completed", output: 2 }],
  ["an ordinary error", { data: encodeCall({ n: 0 }, {}) }, { type: "retry", error: { code: "JOB_FAILED" } }],
  ["its last attempt", { data: encodeCall({ n: 0 }, {}), attempt: 2 }, { type: "failed" }],
  [
    "an error that says never",
    { data: encodeCall({ n: -1 }, {}) },
    { type: "failed", error: { code: "INPUT_INVALID" } },
  ],
  ["a bad input", { data: encodeCall({ n: "2" }, {}) }, { type: "failed", error: { field: "n" } }],
  ["no call at all", { data: null }, { type: "failed", error: { code: "PAYLOAD_INVALID" } }],
  ["an unknown task", { task: "numbr" }, { type: "failed", error: { code: "TASK_UNKNOWN" } }],
  [
    "a cancelled call",
    { data: encodeCall({ n: 2 }, { cancelled: { reason: "no" } }) },
    { type: "cancelled" },
  ],
  ["a late call", { data: encodeCall({ n: 2 }, { expiresAt: 1 }) }, { type: "expired" }],
  [
    "a late call begun in time",
    { data: encodeCall({ n: 2 }, { expiresAt: 1 }), firstStart: false },
    { type: "completed" },
  ],
  [
    "a soft limit that the task heeds",
    { task: "tidy", data: encodeCall("returns", {}) },
    { type: "completed", output: "half" },
  ],
  [
    "a soft limit that makes the task fail",
    { task: "tidy", data: encodeCall("throws", {}) },
    { type: "failed", error: { code: "SOFT_TIME_LIMIT_EXCEEDED" } },
  ],
  [
    "a soft limit after which the task says why itself",
    { task: "tidy", data: encodeCall("own error", {}) },
    { type: "failed", error: { code: "MINE" } },
  ],
  [
    "a hard limit",
    { task: "tidy", data: encodeCall("goes on", {}) },
    { type: "failed", error: { code: "TIME_LIMIT_EXCEEDED" } },
  ],
  [
    "a limit of the call's own",
    { task: "stuck", data: encodeCall({}, { timeLimit: 10 }) },
    { type: "failed", error: { code: "TIME_LIMIT_EXCEEDED", value: 10 } },
  ],
  ["a code to retry on", { task: "picky", data: encodeCall("A", {}) }, { type: "retry" }],
  ["a code never to retry on", { task: "picky", data: encodeCall("B", {}) }, { type: "failed" }],
  [
    "an error without a code never to retry on",
    { task: "picky", data: encodeCall("", {}) },
    { type: "failed" },
  ],
  [
    "a task that asks for another attempt",
    { task: "picky", data: encodeCall("retry", {}) },
    { type: "retry", delay: 30_000, error: { code: "RETRY_REQUESTED", message: "not yet" } },
  ],
  [
    "an ignored result",
    { data: encodeCall({ n: 2 }, { ignoreResult: true }) },
    { type: "completed", output: undefined },
  ],
])("%s", async (_what, changes, expected) => {
  expect(await execute(delivery(changes), executors)).toMatchObject(expected);
});

test.each([
  ["JOB_CANCELLED", "cancelled"],
  ["WORKER_STOPPING", "handed-back"],
  ["LOCK_LOST", "handed-back"],
])("a task that ignores its signal does not hold a job aborted by %s", async (code, type) => {
  const controller = new AbortController();
  const outcome = execute(delivery({ task: "stuck", signal: controller.signal }), executors);
  controller.abort(new LovageError(code, "told so"));
  expect(await outcome).toMatchObject({ type, error: { code } });
});
