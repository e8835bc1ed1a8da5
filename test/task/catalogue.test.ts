import { expect, test } from "vitest";
import * as z from "zod";
import { createCatalogue, defineRayTask, defineTask } from "#task";
import { describeTask } from "../../src/task/catalogue.ts";

const ok = defineTask({
  name: "a.b",
  queue: "default",
  input: z.strictObject({ n: z.number().default(1) }),
  output: z.number(),
  run: async ({ n }) => n,
});

test("a duplicate name stops the start", () => {
  expect(() => createCatalogue([ok, ok])).toThrow(
    expect.objectContaining({ code: "TASK_DUPLICATE", value: "a.b" }),
  );
});

test("an unknown name is answered with the nearest one", () => {
  const catalogue = createCatalogue([ok]);
  expect(catalogue.get("a.b")).toBe(ok);
  expect(() => catalogue.get("a.c")).toThrow(
    expect.objectContaining({ code: "TASK_UNKNOWN", hint: "did you mean a.b?" }),
  );
});

test.each([
  ["name", { name: "a b" }],
  ["queue", { queue: "fast" as "ml" }],
  ["retry.attempts", { retry: { attempts: 0 } }],
  ["program", { program: "../evil.py" }],
  ["softTimeLimit", { softTimeLimit: "1m" as never }],
  ["program", { program: "x.py; rm -rf /" }],
])("a definition with a bad %s is refused", (field, fault) => {
  const good = {
    name: "a.b",
    queue: "ml",
    input: z.object({}),
    output: z.object({}),
    program: "x.py",
  } as const;
  expect(() => defineRayTask({ ...good, ...fault })).toThrow(
    expect.objectContaining({ code: "TASK_INVALID", field }),
  );
});

test("a task describes itself by JSON Schema: what a caller may leave out is not required", () => {
  expect(describeTask(ok)).toMatchObject({
    name: "a.b",
    kind: "task",
    retry: { attempts: 3, backoff: 5000, maxBackoff: 600_000 },
    input: { type: "object", properties: { n: { default: 1 } }, additionalProperties: false },
  });
  expect(describeTask(ok).input).not.toHaveProperty("required");
});
