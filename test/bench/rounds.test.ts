import { expect, test } from "vitest";
import { orderOf } from "../../bench/rounds.ts";

const all = ["a", "b", "c", "d"];
const orders = Array.from({ length: 2 * all.length }, (_, round) => orderOf(all, round));

test("everybody runs once in a round", () => {
  for (const order of orders) expect(order.toSorted()).toEqual(all);
});

test("everybody has each place equally often", () => {
  for (const place of all.keys()) {
    const there = orders.map((order) => order[place]);
    for (const one of all) expect(there.filter((other) => other === one)).toHaveLength(2);
  }
});

test("nobody always comes after the same one", () => {
  for (const one of all) {
    const before = orders
      .map((order) => order[order.indexOf(one) - 1])
      .filter((other) => other !== undefined);
    expect(new Set(before).size).toBeGreaterThan(1);
  }
});

test("two take turns", () => {
  expect([0, 1].map((round) => orderOf(["a", "b"], round)[0])).toEqual(["a", "b"]);
});
