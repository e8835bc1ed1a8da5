import { describe, expect, test } from "vitest";
import { formatMilliseconds, toMilliseconds } from "../../src/core/durations.ts";

describe("toMilliseconds", () => {
  test.each([
    ["30s", 30_000],
    ["15m", 900_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
    ["500ms", 500],
    [250, 250],
    [0, 0],
  ])("%s is %d ms", (text, expected) => {
    expect(toMilliseconds(text)).toBe(expected);
  });

  test.each(["", "soon", "5 parsecs", "-1s", Number.NaN, Number.POSITIVE_INFINITY, -1])(
    "refuses %s",
    (bad) => {
      expect(() => toMilliseconds(bad, "delay")).toThrow(
        expect.objectContaining({ code: "INPUT_INVALID", field: "delay" }),
      );
    },
  );
});

test.each([
  [12, "12ms"],
  [1530, "1.5s"],
  [59_949, "59.9s"],
  [90_000, "1m 30s"],
  [5_400_000, "1h 30m"],
  [200_000_000, "2d 7h"],
])("formatMilliseconds(%d) is %s", (milliseconds, expected) => {
  expect(formatMilliseconds(milliseconds)).toBe(expected);
});
