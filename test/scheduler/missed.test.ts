import { describe, expect, test } from "vitest";
import { planMissed } from "../../src/scheduler/missed.ts";
import type { MissedPolicy } from "../../src/task/schedule.ts";
import type { Times } from "../../src/task/schedule-times.ts";

const minute = 60_000;
const hour = 60 * minute;
/** Noon of some day. */
const noon = Date.parse("2026-05-01T12:00:00Z");
const hourly: Times = { timing: { every: hour }, start: null, end: null };
const plan = (missed: MissedPolicy, late: number, schedule: Times = hourly, jitter = 0) =>
  planMissed({ ...schedule, next: noon, jitter, missed }, noon + late, 30_000);

describe.each<MissedPolicy>(["skip", "once", { within: hour }])("with %j", (missed) => {
  test("a time that is kept is fired for", () => {
    expect(plan(missed, 12)).toEqual({ fire: noon, skipped: 0, settled: noon });
    expect(plan(missed, 29_000)).toEqual({ fire: noon, skipped: 0, settled: noon });
  });
});

test("skip: what passed is passed over, but the last time if it is kept", () => {
  expect(plan("skip", 5 * minute)).toEqual({ fire: null, skipped: 1, settled: noon });
  expect(plan("skip", 3 * hour + 5 * minute)).toEqual({ fire: null, skipped: 4, settled: noon + 3 * hour });
  expect(plan("skip", 3 * hour + 500)).toEqual({
    fire: noon + 3 * hour,
    skipped: 3,
    settled: noon + 3 * hour,
  });
});

test("once: the last time is made up for, however long it is past", () => {
  expect(plan("once", 30 * minute)).toEqual({ fire: noon, skipped: 0, settled: noon });
  expect(plan("once", 3 * hour + 30 * minute)).toEqual({
    fire: noon + 3 * hour,
    skipped: 3,
    settled: noon + 3 * hour,
  });
});

test("within: one after another of the window, the rest is passed over", () => {
  const late = 5 * hour + 30 * minute;
  const first = plan({ within: 2 * hour }, late);
  expect(first).toEqual({ fire: noon + 4 * hour, skipped: 4, settled: noon + 4 * hour });
  const second = planMissed(
    { ...hourly, next: noon + 5 * hour, jitter: 0, missed: { within: 2 * hour } },
    noon + late,
    30_000,
  );
  expect(second).toEqual({ fire: noon + 5 * hour, skipped: 0, settled: noon + 5 * hour });
  expect(plan({ within: minute }, late)).toEqual({ fire: null, skipped: 6, settled: noon + 5 * hour });
  expect(plan({ within: minute }, 5 * hour + 10)).toMatchObject({ fire: noon + 5 * hour, skipped: 5 });
});

test("within: more than a thousand are not made up for, only the last is", () => {
  const often = { ...hourly, timing: { every: 1000 } };
  const plans = plan({ within: 24 * hour }, 10 * hour, often);
  expect(plans.fire).toBe(noon + 10 * hour);
  expect(plans.skipped).toBe(1000);
});

test("times whose jitter may still be to come are not missed", () => {
  const often = { ...hourly, timing: { every: 2 * minute } };
  const jitter = 2 * minute - 1;
  expect(plan("skip", 2 * minute + 1000, often, jitter)).toMatchObject({ fire: noon, skipped: 0 });
  expect(plan("once", 8 * minute, often, jitter)).toMatchObject({ fire: noon + 6 * minute, skipped: 3 });
});

test("no time after the end is made up for", () => {
  const ended = { ...hourly, end: noon + hour };
  expect(plan("once", 7 * hour, ended)).toMatchObject({ fire: noon + hour, skipped: 1 });
});
