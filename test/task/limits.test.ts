import { expect, test } from "vitest";
import * as z from "zod";
import { defineTask } from "#task";
import { parseRate } from "../../src/core/rate.ts";
import type { LimitOptions } from "../../src/task/limits.ts";

const key = (input: { key: string }) => input.key;

function limitsOf(options: LimitOptions<{ key: string }>) {
  const input = z.strictObject({ key: z.string() });
  const task = { name: "a", queue: "default", input, output: z.unknown() } as const;
  return defineTask({ ...task, ...options, run: async () => 1 }).limits;
}

test.each<[LimitOptions<{ key: string }>, object]>([
  [{}, {}],
  [{ rateLimit: "10/m" }, { rate: { count: 10, per: 60_000 } }],
  [{ concurrency: 2 }, { concurrency: { total: 2 } }],
  [{ concurrency: 2, concurrencyKey: key }, { concurrency: { perKey: 2, key } }],
  [
    { concurrency: { total: 5, perKey: 1 }, concurrencyKey: key },
    { concurrency: { total: 5, perKey: 1, key } },
  ],
  [
    { softTimeLimit: "1s", timeLimit: "2s" },
    { soft: 1000, hard: 2000 },
  ],
])("%j is understood", (options, limits) => {
  expect(limitsOf(options)).toEqual(limits);
});

test.each<[LimitOptions<{ key: string }>, object]>([
  [{ rateLimit: "10 per minute" }, { code: "INPUT_INVALID", field: "rateLimit" }],
  [{ rateLimit: "0/m" }, { code: "INPUT_INVALID" }],
  [{ concurrency: 0 }, { code: "TASK_INVALID", field: "concurrency.total" }],
  [{ concurrency: { perKey: 1 } }, { code: "TASK_INVALID", field: "concurrency" }],
  [{ concurrency: { total: 1 }, concurrencyKey: key }, { code: "TASK_INVALID" }],
  [{ concurrencyKey: key }, { code: "TASK_INVALID", field: "concurrencyKey" }],
  [
    { softTimeLimit: "2s", timeLimit: "2s" },
    { code: "INPUT_INVALID", field: "softTimeLimit" },
  ],
])("%j is refused", (options, error) => {
  expect(() => limitsOf(options)).toThrow(expect.objectContaining(error));
});

test.each([
  ["10/m", 10, 60_000],
  ["100/30s", 100, 30_000],
  ["5/2h", 5, 7_200_000],
  ["1/d", 1, 86_400_000],
])("%s is %i in %i ms", (text, count, per) => {
  expect(parseRate(text)).toEqual({ count, per });
});
