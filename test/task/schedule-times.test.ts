import fc from "fast-check";
import { expect, test } from "vitest";
import {
  countTimes,
  jitterOf,
  lastTime,
  nextTime,
  type Times,
  timesBetween,
} from "../../src/task/schedule-times.ts";

const at = (text: string) => Date.parse(text);
const cron = (expression: string, timeZone = "UTC", bounds: Partial<Times> = {}): Times => ({
  timing: { cron: expression, timeZone },
  start: null,
  end: null,
  ...bounds,
});
const every = (milliseconds: number, bounds: Partial<Times> = {}): Times => ({
  timing: { every: milliseconds },
  start: null,
  end: null,
  ...bounds,
});
const texts = (times: readonly number[]) => times.map((time) => new Date(time).toISOString().slice(0, 16));
const minute = 60_000;

test("an interval is counted from 1970, so that an hour is a full hour, whenever it is asked for", () => {
  const hour = every(60 * minute);
  expect(nextTime(hour, at("2026-05-01T10:17:31.123Z"))).toBe(at("2026-05-01T11:00Z"));
  expect(nextTime(hour, at("2026-05-01T11:00Z"))).toBe(at("2026-05-01T12:00Z"));
});

test("an interval with a start is counted from it, and the start is its first time", () => {
  const start = at("2026-05-01T10:07Z");
  const quarter = every(15 * minute, { start });
  expect(nextTime(quarter, at("2026-01-01T00:00Z"))).toBe(start);
  expect(nextTime(quarter, start)).toBe(at("2026-05-01T10:22Z"));
  expect(lastTime(quarter, 0, at("2026-05-01T10:06Z"))).toBeNull();
});

test("nothing comes after the end, nor before the start", () => {
  const bounds = { start: at("2026-05-02T00:00Z"), end: at("2026-05-03T02:00Z") };
  const daily = cron("0 2 * * *", "UTC", bounds);
  expect(texts(timesBetween(daily, 0, at("2030-01-01T00:00Z"), 10))).toEqual([
    "2026-05-02T02:00",
    "2026-05-03T02:00",
  ]);
  expect(nextTime(daily, at("2026-05-03T02:00Z"))).toBeNull();
  expect(lastTime(daily, 0, at("2030-01-01T00:00Z"))).toBe(at("2026-05-03T02:00Z"));
});

test("a time that the clock skips in spring comes an hour later on the clock, once", () => {
  const nightly = cron("30 2 * * *", "Europe/Berlin");
  expect(texts(timesBetween(nightly, at("2026-03-28T00:00Z"), at("2026-03-30T23:00Z"), 10))).toEqual([
    "2026-03-28T01:30",
    "2026-03-29T01:30",
    "2026-03-30T00:30",
  ]);
});

test("a time that the clock shows twice in autumn comes once, at the first", () => {
  const nightly = cron("30 2 * * *", "Europe/Berlin");
  expect(texts(timesBetween(nightly, at("2026-10-24T00:00Z"), at("2026-10-26T23:00Z"), 10))).toEqual([
    "2026-10-24T00:30",
    "2026-10-25T00:30",
    "2026-10-26T01:30",
  ]);
});

test("an hourly expression means every hour of both nights", () => {
  const hourly = cron("0 * * * *", "Europe/Berlin");
  for (const day of ["2026-03-29", "2026-10-25"]) {
    const times = timesBetween(hourly, at(`${day}T00:00Z`), at(`${day}T05:00Z`), 10);
    expect(texts(times)).toEqual(["00", "01", "02", "03", "04", "05"].map((hour) => `${day}T${hour}:00`));
  }
});

test("half-hour zones and southern summers are known", () => {
  const kolkata = cron("0 9 * * 1-5", "Asia/Kolkata");
  expect(nextTime(kolkata, at("2026-05-01T04:00Z"))).toBe(at("2026-05-04T03:30Z"));
  const sydney = cron("0 9 * * *", "Australia/Sydney");
  expect(texts(timesBetween(sydney, at("2026-10-03T00:00Z"), at("2026-10-05T00:00Z"), 10))).toEqual([
    "2026-10-03T22:00",
    "2026-10-04T22:00",
  ]);
});

const zones = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"];
const expressions = ["30 2 * * *", "*/7 * * * *", "0 0 1 * *", "15 1-4 * * 0", "0 12 29 2 *"];
const moment = fc.integer({ min: at("2025-01-01T00:00Z"), max: at("2028-12-31T00:00Z") });

test("the last time up to a moment is the last that going forward finds", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.constantFrom(...expressions),
      moment,
      (zone, expression, now) => {
        const times = cron(expression, zone);
        const last = lastTime(times, 0, now);
        expect(last).not.toBeNull();
        expect(last ?? 0).toBeLessThanOrEqual(now);
        expect(nextTime(times, (last ?? 0) - 1)).toBe(last);
        expect(nextTime(times, last ?? 0)).toBeGreaterThan(now);
      },
    ),
    { numRuns: 60 },
  );
});

test("counting is the length of the list", () => {
  fc.assert(
    fc.property(moment, fc.integer({ min: 0, max: 5_000_000 }), (from, length) => {
      for (const times of [every(61_000), every(61_000, { start: from - 5 }), cron("*/3 * * * *")]) {
        const listed = timesBetween(times, from, from + length, 1000).length;
        expect(countTimes(times, from, from + length, 1000)).toBe(listed);
      }
    }),
    { numRuns: 20 },
  );
  expect(countTimes(every(1000), 0, 10_000_000, 1000)).toBe(1000);
});

test("jitter is within its bounds, spread, and the same for the same time", () => {
  const found = Array.from({ length: 200 }, (_, index) => jitterOf("a", index, 1000));
  expect(found).toEqual(Array.from({ length: 200 }, (_, index) => jitterOf("a", index, 1000)));
  expect(Math.min(...found)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...found)).toBeLessThan(1000);
  expect(new Set(found).size).toBeGreaterThan(150);
  expect(jitterOf("b", 1, 1000)).not.toBe(jitterOf("a", 1, 1000));
  expect(jitterOf("a", 1, 0)).toBe(0);
});
