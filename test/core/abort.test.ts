import { expect, test } from "vitest";
import { LazyAborter, untilAborted } from "../../src/core/abort.ts";

const never = new Promise<never>(() => {});

test("who waits hears of an abort without a signal", async () => {
  const aborter = new LazyAborter();
  const waiting = untilAborted(never, aborter);

  aborter.abort("over");

  await expect(waiting).rejects.toBe("over");
});

test("who comes too late hears of it at once, whether by waiting or by the signal", async () => {
  const aborter = new LazyAborter();
  aborter.abort("over");
  aborter.abort("again");

  await expect(untilAborted(never, aborter)).rejects.toBe("over");
  expect(aborter.signal.aborted).toBe(true);
  expect(aborter.signal.reason).toBe("over");
});

test("a signal that was asked for is aborted with the rest", async () => {
  const aborter = new LazyAborter();
  const { signal } = aborter;
  const waiting = untilAborted(never, aborter);

  aborter.abort("over");

  expect(signal.reason).toBe("over");
  expect(aborter.signal).toBe(signal);
  await expect(waiting).rejects.toBe("over");
});

test("the promise's own end comes through, and an abort after it changes nothing", async () => {
  const aborter = new LazyAborter();

  await expect(untilAborted(Promise.resolve(1), aborter)).resolves.toBe(1);
  await expect(untilAborted(Promise.reject(new Error("own")), aborter)).rejects.toThrow("own");
  aborter.abort("over");
});
