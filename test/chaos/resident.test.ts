import { expect, test } from "vitest";
import { slopeOf, watchMemory } from "./resident.ts";

test("the slope of a line is its own, of level noise none", () => {
  const hours = Array.from({ length: 60 }, (_, minute) => minute / 60);
  expect(slopeOf(hours.map((hour) => ({ hours: hour, megabytes: 100 + 36 * hour })))).toBeCloseTo(36);
  const level = hours.map((hour, index) => ({ hours: hour, megabytes: index % 2 === 0 ? 100 : 104 }));
  expect(Math.abs(slopeOf(level))).toBeLessThan(1);
});

test("what grew while it warmed up does not count", () => {
  let now = 0;
  const resident = watchMemory(process.pid, () => now);
  const held: Buffer[] = [];
  for (let step = 0; step < 60; step += 1) {
    if (step < 20) held.push(Buffer.alloc(4 * 2 ** 20, 1));
    now += 60_000;
    resident.sample();
  }
  expect(held).toHaveLength(20);
  expect(resident.last()).toBeGreaterThan(80);
  expect(resident.slope()).toBeLessThan(60);
});
