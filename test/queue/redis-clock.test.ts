import { expect, test, vi } from "vitest";
import { createRedisClock } from "../../src/queue/redis-clock.ts";

const hour = 3_600_000;

test("what Redis said counts, whatever happens to this machine's clock", () => {
  const clock = createRedisClock();
  expect(clock.offset()).toBe(0);
  const [at, said] = [performance.now(), Date.now() + hour];
  clock.hear(said, at, at);
  vi.useFakeTimers({ now: Date.now() - 5 * hour, toFake: ["Date"] });
  try {
    expect(clock.now() - said).toBeGreaterThanOrEqual(0);
    expect(clock.now() - said).toBeLessThan(60_000);
    expect(Math.round(clock.offset() / hour)).toBe(6);
  } finally {
    vi.useRealTimers();
  }
});

test("an answer that was long on its way does not spoil a better one, but a clock that was set is followed", () => {
  const clock = createRedisClock();
  const at = performance.now();
  clock.hear(1_000_000, at, at + 2);
  const before = clock.now();
  // It may have been said at any moment within four seconds, so it does not contradict.
  clock.hear(1_003_500, at, at + 4000);
  expect(clock.now() - before).toBeLessThan(1000);
  clock.hear(1_000_000 + hour, at, at + 4000);
  expect(clock.now() - before).toBeGreaterThan(hour - 5000);
});
