import fc from "fast-check";
import { expect, test } from "vitest";
import { dealSlots, nextShares } from "../../src/queue/shares.ts";

const idle = { active: 0, waiting: 0 };
const busy = { active: 0, waiting: 100 };

test("slots go where work is, by turns, and what is left listens", () => {
  expect(dealSlots(4, [idle, busy, idle], 0)).toEqual([0, 4, 0]);
  expect(dealSlots(4, [busy, busy, idle], 0)).toEqual([2, 2, 0]);
  expect(dealSlots(6, [{ active: 1, waiting: 0 }, idle, idle], 0)).toEqual([3, 2, 1]);
  expect(dealSlots(2, [busy, busy, busy], 1)).toEqual([0, 1, 1]);
  expect(dealSlots(2, [busy, busy, busy], 2)).toEqual([1, 0, 1]);
});

test("by turns every shard with work is served, however few slots there are", () => {
  const served = [0, 1, 2].map((turn) => dealSlots(1, [busy, busy, busy], turn).indexOf(1));
  expect(new Set(served)).toEqual(new Set([0, 1, 2]));
});

test("a slot is taken up only when its job has ended", () => {
  expect(
    nextShares(
      2,
      [
        { share: 2, active: 2 },
        { share: 0, active: 0 },
      ],
      [0, 2],
    ),
  ).toEqual([0, 0]);
  expect(
    nextShares(
      2,
      [
        { share: 0, active: 1 },
        { share: 0, active: 0 },
      ],
      [0, 2],
    ),
  ).toEqual([0, 1]);
  expect(
    nextShares(
      2,
      [
        { share: 0, active: 0 },
        { share: 1, active: 1 },
      ],
      [0, 2],
    ),
  ).toEqual([0, 2]);
});

const load = fc.record({ active: fc.nat(20), waiting: fc.nat(50) });

test("all slots are dealt, and never more; nobody with work is left out while another has two more than it", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.array(load, { minLength: 1, maxLength: 16 }),
      fc.nat(15),
      (slots, loads, turn) => {
        const dealt = dealSlots(slots, loads, turn);
        expect(dealt.reduce((sum, share) => sum + share, 0)).toBe(slots);
        const hungry = dealt.filter(
          (share, shard) => share < (loads[shard]?.active ?? 0) + (loads[shard]?.waiting ?? 0),
        );
        for (const share of hungry) expect(Math.max(...dealt) - share).toBeLessThanOrEqual(1);
      },
    ),
  );
});

test("whatever the shares are and were dealt, what runs and may run is no more than the slots", () => {
  const now = fc.record({ share: fc.nat(6), active: fc.nat(6) });
  fc.assert(
    fc.property(
      fc.array(now, { minLength: 1, maxLength: 8 }),
      fc.array(load, { minLength: 8, maxLength: 8 }),
      fc.nat(7),
      (shares, loads, turn) => {
        const slots = shares.reduce((sum, { share, active }) => sum + Math.max(share, active), 0) || 1;
        const dealt = dealSlots(slots, loads.slice(0, shares.length), turn);
        const next = nextShares(slots, shares, dealt);
        const used = next.reduce((sum, share, shard) => sum + Math.max(share, shares[shard]?.active ?? 0), 0);
        expect(used).toBeLessThanOrEqual(slots);
        for (const [shard, share] of next.entries()) expect(share).toBeLessThanOrEqual(dealt[shard] ?? 0);
      },
    ),
  );
});
