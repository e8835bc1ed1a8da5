import { expect, test } from "vitest";
import { callAfter, inputAfter } from "../../src/task/continuation.ts";

test.each<[string, Parameters<typeof inputAfter>, unknown]>([
  ["what came before is the input", [{}, 5], 5],
  ["an input of its own stands", [{ input: { a: 1 } }, 5], { a: 1 }],
  ["an input that is null is an input", [{ input: null }, 5], null],
  ["what came before goes into a field", [{ input: { a: 1 }, into: "b" }, 5], { a: 1, b: 5 }],
  ["a field alone makes an object", [{ into: "b" }, 5], { b: 5 }],
  ["nothing came before", [{ input: { a: 1 }, into: "b" }, undefined], { a: 1 }],
])("%s", (_what, given, expected) => {
  expect(inputAfter(...given)).toStrictEqual(expected);
});

test("an end is followed by what was asked for it, and by nothing else", () => {
  const job = { id: "1", task: "t", queue: "default" };
  const error = { code: "BROKEN", message: "it broke" };
  expect(callAfter(job, { onSuccess: { task: "next" } }, { output: 5 })).toEqual({ task: "next", input: 5 });
  expect(callAfter(job, { onSuccess: { task: "next" } }, { error })).toBeUndefined();
  expect(callAfter(job, { onFailure: { task: "alert", into: "why" } }, { error })).toEqual({
    task: "alert",
    input: { why: { ...job, error } },
  });
});
