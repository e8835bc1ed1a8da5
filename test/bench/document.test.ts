import { expect, test } from "vitest";
import { resultsOf } from "../../bench/document.ts";
import { type Shape, separately } from "../../bench/shape.ts";
import { shapes } from "../../bench/shapes/index.ts";

const shape: Shape = {
  name: "drain",
  method: "by hand",
  figures: [
    {
      name: "drain-4",
      title: "drain",
      unit: "jobs/s",
      better: "more",
      goals: [
        { to: "bullmq", sense: "least", bound: 0.95 },
        { to: "celery", sense: "least", bound: 10 },
      ],
    },
    {
      name: "memory",
      title: "memory",
      unit: "MB",
      better: "less",
      goals: [{ sense: "most", bound: 130 }],
    },
    { name: "never", title: "nobody has it", unit: "s", better: "less" },
  ],
  peers: ["lovage", "bullmq", "celery"],
  baseline: "bullmq",
  rounds: { normal: 3, quick: 2 },
  open: separately(async () => ({})),
};

/** Rounds of figures of drain-4 and of memory, by peer; null where a run broke off. */
function roundsOf(lovage: (number | null)[], bullmq: (number | null)[], memory = 100) {
  return lovage.map((value, index) => {
    const other = bullmq[index];
    return new Map([
      ...(value === null ? [] : [["lovage", { "drain-4": value, memory }] as const]),
      ...(typeof other === "number" ? [["bullmq", { "drain-4": other }] as const] : []),
    ]);
  });
}

test("a ratio is the median of the ratios within the rounds, not the ratio of the medians", () => {
  // The machine was ten times slower in the second round, for both.
  const [drained] = resultsOf(shape, roundsOf([1000, 90, 1100], [1000, 100, 1000]));
  const lovage = drained?.peers.find(({ peer }) => peer === "lovage");
  expect(lovage).toEqual({
    peer: "lovage",
    median: 1000,
    min: 90,
    max: 1100,
    ratio: 1,
    rounds: [1000, 90, 1100],
  });
  expect(drained?.peers.find(({ peer }) => peer === "bullmq")?.ratio).toBe(1);
});

test("a round that broke off has no figure and no ratio", () => {
  const [drained] = resultsOf(shape, roundsOf([null, 900, 800], [1000, 1000, null]));
  const lovage = drained?.peers.find(({ peer }) => peer === "lovage");
  expect(lovage?.rounds).toEqual([null, 900, 800]);
  expect(lovage?.ratio).toBe(0.9);
});

test("goals to peers that were not measured are left out, those to others are held", () => {
  const [met] = resultsOf(shape, roundsOf([960], [1000]));
  expect(met).toMatchObject({ goal: "≥ 0.95 of bullmq", met: true });
  const [missed] = resultsOf(shape, roundsOf([940], [1000]));
  expect(missed).toMatchObject({ goal: "≥ 0.95 of bullmq", met: false });
});

test("a goal without a peer is held against the figure itself", () => {
  const memoryOf = (memory: number) => resultsOf(shape, roundsOf([1], [1], memory))[1];
  expect(memoryOf(130)).toMatchObject({ shape: "memory", goal: "≤ 130 MB", met: true });
  expect(memoryOf(131)).toMatchObject({ met: false });
});

test("a figure that nobody has is no line", () => {
  expect(resultsOf(shape, roundsOf([1], [1])).map(({ shape: name }) => name)).toEqual(["drain-4", "memory"]);
});

test("every figure's name is one figure's only, and every shape measures what it compares with", () => {
  const names = shapes.flatMap(({ figures }) => figures.map(({ name }) => name));
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  for (const { name, peers, baseline } of shapes) expect(peers, name).toContain(baseline);
});
