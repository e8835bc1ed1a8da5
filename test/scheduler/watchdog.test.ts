import { expect, test } from "vitest";
import type { ScheduleRecord } from "../../src/queue/schedule-record.ts";
import { findFault } from "../../src/scheduler/watchdog.ts";

const minute = 60_000;
const now = Date.parse("2026-05-01T12:00:30Z");
const coming = Date.parse("2026-05-01T12:01:00Z");

function record(changes: Partial<ScheduleRecord> = {}, limit: number | null = null): ScheduleRecord {
  return {
    name: "a",
    origin: "declared",
    spec: {
      target: { name: "a", queue: "default", retry: { attempts: 1 } },
      description: "",
      timing: { every: minute },
      start: null,
      end: null,
      limit,
      jitter: 0,
      overlap: "skip",
      missed: "once",
      input: {},
      options: {},
    },
    timing: "",
    next: coming,
    due: coming,
    indexed: coming,
    queued: null,
    last: null,
    paused: null,
    fired: 0,
    skipped: 0,
    lateness: 0,
    rearmed: 0,
    ...changes,
  };
}
const lastAt = (at: number) => ({ at, firedAt: at, id: "x", queue: "default" });
const past = (ago: number) => ({ next: now - ago, due: now - ago, indexed: now - ago });

test.each<[string, ScheduleRecord]>([
  ["that comes", record()],
  ["that is a little late", record(past(20_000))],
  [
    "that is paused",
    record({ next: null, due: null, indexed: null, paused: { at: 1, by: null, note: null } }),
  ],
  ["that has reached its limit", record({ next: null, due: null, indexed: null, fired: 3 }, 3)],
  [
    "that has fired for a moment that the clock comes to once more",
    record({ last: lastAt(coming), next: coming + minute, due: coming + minute, indexed: coming + minute }),
  ],
])("nothing is wrong with a schedule %s", (_what, found) => {
  expect(findFault(found, now, 30_000)).toBeUndefined();
});

test.each<[string, ScheduleRecord, string, number | null]>([
  ["hours in the past", record(past(18 * 60 * minute)), "in the past", coming],
  ["not set", record({ next: null, due: null, indexed: null }), "not armed", coming],
  ["not in the index", record({ indexed: null }), "not to be found", coming],
  ["elsewhere in the index", record({ indexed: coming + 5 }), "not to be found", coming],
  [
    "years ahead",
    record({ next: coming * 2, due: coming * 2, indexed: coming * 2 }),
    "too far ahead",
    coming,
  ],
  [
    "years ahead after a firing there",
    record({ next: coming * 2, due: coming * 2, indexed: coming * 2, last: lastAt(coming * 2) }),
    "too far ahead",
    coming,
  ],
  [
    "in the past with its limit reached",
    record({ ...past(18 * 60 * minute), fired: 3 }, 3),
    "in the past",
    null,
  ],
])("a next time %s is mended", (_what, found, why, next) => {
  const fault = findFault(found, now, 30_000);
  expect(fault?.why).toContain(why);
  expect(fault?.armed?.next ?? null).toBe(next);
});
