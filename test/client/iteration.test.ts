import { expect, test } from "vitest";
import { endable } from "../../src/client/iteration.ts";

test("return() ends a next() that waits for what never comes", async () => {
  let tidied = false;
  const iterator = endable(async function* (over) {
    over.addEventListener("abort", () => {
      tidied = true;
    });
    yield 1;
    await new Promise(() => {});
  });
  expect(await iterator.next()).toEqual({ done: false, value: 1 });
  const waiting = iterator.next();
  await iterator.return?.();
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(await iterator.next()).toEqual({ done: true, value: undefined });
  expect(tidied).toBe(true);
});

test("what the generator throws reaches who iterates", async () => {
  const iterator = endable(async function* () {
    yield 1;
    throw new Error("boom");
  });
  await iterator.next();
  await expect(iterator.next()).rejects.toThrow("boom");
});
