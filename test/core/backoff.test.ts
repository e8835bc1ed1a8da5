import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffDelay } from "../../src/core/backoff.ts";

const backoffs = fc.record({
  delay: fc.integer({ min: 0, max: 1e6 }),
  max: fc.integer({ min: 0, max: 1e9 }),
});
const randoms = fc.double({ min: 0, max: 0.999_999, noNaN: true });

test("never above the cap, never below half of the full delay", () => {
  fc.assert(
    fc.property(backoffs, fc.integer({ min: 1, max: 5000 }), randoms, (backoff, attempt, random) => {
      const delay = backoffDelay(backoff, attempt, random);
      const full = Math.min(backoff.max, backoff.delay * 2 ** Math.min(attempt - 1, 1000));
      expect(delay).toBeLessThanOrEqual(backoff.max);
      expect(delay).toBeGreaterThanOrEqual(Math.floor(full / 2));
      expect(delay).toBeLessThanOrEqual(Math.ceil(full));
    }),
  );
});

test("doubles with each attempt", () => {
  const delays = [1, 2, 3, 4].map((attempt) => backoffDelay({ delay: 1000, max: 60_000 }, attempt, 0.5));
  expect(delays).toEqual([750, 1500, 3000, 6000]);
});
