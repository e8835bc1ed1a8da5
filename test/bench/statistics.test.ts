import { expect, test } from "vitest";
import { median, quantile } from "../../bench/statistics.ts";

test("a median of an even number of values is between the two in the middle", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([30, 10, 20])).toBe(20);
  expect(median([])).toBeNaN();
});

test("a quantile is interpolated", () => {
  const values = Array.from({ length: 101 }, (_, index) => index);
  expect(quantile(values, 0.99)).toBe(99);
  expect(quantile([0, 10], 0.25)).toBe(2.5);
});
