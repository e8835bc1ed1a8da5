import { expect, test } from "vitest";
import * as z from "zod";
import { createCatalogue, defineTask, LovageError } from "#task";
import { encodeCall } from "../../src/task/codec.ts";
import { type Delivery, type Executors, execute } from "../../src/task/execute.ts";

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

const executors = {
  catalogue: createCatalogue([number, stuck]),
  context: () => ({}),
} as unknown as Executors<Delivery>;

function delivery(changes: Partial<Delivery> = {}): Delivery {
  return {
    id: "1",
    task: "number",
    queue: "default",
    data: encodeCall({ n: 2 }, {}),
    attempt: 1,
    attempts: 2,
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
