import type { Chart } from "./chart.ts";
import type { BenchDocument, ShapeResult } from "./document.ts";
import { figureText } from "./table.ts";

interface Plan {
  name: string;
  title: string;
  /** Figures' names; those that the document lacks are left out. */
  shapes: readonly string[];
  /** Ratios to the baseline, or medians in the figures' unit. */
  of: "ratio" | "median";
  /** What is a row: a figure, with a bar for each peer, or the other way round. Default: a figure. */
  rows?: "figures" | "peers";
}

const plans: readonly Plan[] = [
  {
    name: "throughput",
    title: "Throughput, to raw BullMQ in the same round (longer is better)",
    of: "ratio",
    shapes: ["enqueue-one", "enqueue-10", "enqueue-100", "enqueue-bulk", "drain-4", "drain-10", "drain-best"],
  },
  {
    name: "drain",
    title: "Drain: jobs a second (longer is better)",
    of: "median",
    shapes: ["drain-4", "drain-10", "drain-best"],
  },
  {
    name: "latency",
    title: "Enqueue to result, one after another (shorter is better)",
    of: "median",
    shapes: ["round-trip-p50", "round-trip-p99"],
  },
  {
    name: "canvas",
    title: "Compositions, from call to result (shorter is better)",
    of: "median",
    shapes: ["chain", "group", "chord"],
  },
  {
    name: "memory",
    title: "Workers' resident memory (shorter is better)",
    of: "median",
    shapes: ["idle-memory", "drain-4-memory", "drain-10-memory"],
  },
  {
    name: "redis",
    title: "What a job costs Redis, to raw BullMQ (shorter is better)",
    of: "ratio",
    shapes: [
      "bytes-waiting",
      "bytes-finished",
      "commands-enqueue",
      "commands-run",
      "redis-cpu-enqueue",
      "redis-cpu-run",
    ],
  },
  {
    name: "features",
    title: "A feature switched on, to Lovage with none (longer is better)",
    of: "ratio",
    rows: "peers",
    shapes: ["features-drain", "features-enqueue"],
  },
  {
    name: "ray",
    title: "Ray jobs, to Ray's own Python client (shorter is better)",
    of: "ratio",
    shapes: ["ray-1", "ray-30"],
  },
];

/** All pictures that a document has figures for. */
export function chartsOf(document: BenchDocument): Chart[] {
  return plans.flatMap((plan) => {
    const shapes = plan.shapes.flatMap((name) => document.shapes.filter(({ shape }) => shape === name));
    return shapes.length === 0 ? [] : chartOf(plan, shapes);
  });
}

function chartOf({ name, title, of, rows = "figures" }: Plan, shapes: readonly ShapeResult[]): Chart {
  const baseline = shapes[0]?.baseline;
  const all = [...new Set(shapes.flatMap((shape) => shape.peers.map(({ peer }) => peer)))];
  // The baseline itself is the line.
  const peers = all.filter((peer) => of === "median" || peer !== baseline);
  const bar = (shape: ShapeResult, peer: string) => {
    const figure = shape.peers.find((each) => each.peer === peer);
    if (figure === undefined) return { value: null, label: "" };
    const median = `${figureText(figure.median)} ${shape.unit}`;
    return { value: figure[of], label: of === "ratio" ? `${figure.ratio.toFixed(2)} (${median})` : median };
  };
  const bars =
    rows === "figures"
      ? peers.map((peer) => ({ name: peer, bars: shapes.map((shape) => bar(shape, peer)) }))
      : shapes.map((shape) => ({ name: shape.title, bars: peers.map((peer) => bar(shape, peer)) }));
  return {
    name,
    title,
    axis: of === "ratio" ? `ratio to ${baseline}` : (shapes[0]?.unit ?? ""),
    rows: rows === "figures" ? shapes.map((shape) => shape.title) : peers,
    series: bars.map((each) => ({
      name: each.name,
      values: each.bars.map(({ value }) => value),
      labels: each.bars.map(({ label }) => label),
    })),
    ...(of === "ratio" && { line: { at: 1, text: `${baseline} = 1` } }),
  };
}
