import * as z from "zod";
import { isMet, textOf } from "./goal.ts";
import type { Readings, Shape } from "./shape.ts";
import { median } from "./statistics.ts";

const PeerResult = z.object({
  peer: z.string(),
  median: z.number(),
  min: z.number(),
  max: z.number(),
  /** Median over the rounds of its ratio to the baseline in the same round. */
  ratio: z.number(),
  /** In the order in which they were measured; null where a round has no figure. */
  rounds: z.array(z.number().nullable()),
});

const ShapeResult = z.object({
  /** The figure's name. */
  shape: z.string(),
  title: z.string(),
  unit: z.string(),
  better: z.enum(["more", "less"]),
  /** Whom the ratios are to. */
  baseline: z.string(),
  method: z.string(),
  /** How it is measured alone. */
  command: z.string(),
  peers: z.array(PeerResult),
  /** What Lovage is held to; left out where a figure only informs. */
  goal: z.string().optional(),
  met: z.boolean().optional(),
});
export type ShapeResult = z.infer<typeof ShapeResult>;

/** The document of a run: what `--json` prints and what `docs/performance.json` is. */
export const BenchDocument = z.object({
  machine: z.object({ cpus: z.number(), cpu: z.string(), memoryGiB: z.number(), platform: z.string() }),
  /** Of Node, the Redis server, and each peer. */
  versions: z.record(z.string(), z.string()),
  measuredAt: z.iso.datetime(),
  quick: z.boolean(),
  /** Written by hand into a kept document that is not the print of one run: what it is instead. */
  note: z.string().optional(),
  seconds: z.number(),
  shapes: z.array(ShapeResult),
  /** Peers that are not on this machine. */
  missing: z.array(z.object({ name: z.string(), reason: z.string() })),
  /** Runs that broke off; their rounds have no figures. */
  faults: z.array(z.object({ shape: z.string(), peer: z.string(), round: z.number(), error: z.string() })),
});
export type BenchDocument = z.infer<typeof BenchDocument>;
export type Fault = BenchDocument["faults"][number];

/** A round's readings, by peer. */
export type Round = ReadonlyMap<string, Readings>;

/** A shape's lines of the document. Figures and peers without any reading are left out. */
export function resultsOf(shape: Shape, rounds: readonly Round[]): ShapeResult[] {
  return shape.figures.flatMap(({ name, title, unit, better, goals = [] }) => {
    const read = (peer: string) => rounds.map((round) => round.get(peer)?.[name] ?? null);
    const ratioTo = (peer: string, other: string) => {
      const base = read(other);
      return median(numbersOf(read(peer).map((value, index) => divided(value, base[index] ?? null))));
    };
    const peers = shape.peers.flatMap((peer) => {
      const values = numbersOf(read(peer));
      if (values.length === 0) return [];
      return {
        peer,
        median: rounded(median(values)),
        min: rounded(Math.min(...values)),
        max: rounded(Math.max(...values)),
        ratio: rounded(ratioTo(peer, shape.baseline)),
        rounds: read(peer).map((value) => (value === null ? null : rounded(value))),
      };
    });
    if (peers.length === 0) return [];
    const own = median(numbersOf(read("lovage")));
    const held = goals
      .map((goal) => ({ goal, value: goal.to === undefined ? own : ratioTo("lovage", goal.to) }))
      .filter(({ value }) => !Number.isNaN(value));
    return {
      shape: name,
      title,
      unit,
      better,
      baseline: shape.baseline,
      method: shape.method,
      command: `scripts/bench.sh --only ${shape.name}`,
      peers,
      ...(held.length > 0 && {
        goal: held.map(({ goal }) => textOf(goal, unit)).join(", "),
        met: held.every(({ goal, value }) => isMet(goal, value)),
      }),
    };
  });
}

function divided(value: number | null, base: number | null): number | null {
  return value === null || base === null || base === 0 ? null : value / base;
}

function numbersOf(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null);
}

/** To five digits: the noise is in the third. */
function rounded(value: number): number {
  return Number(value.toPrecision(5));
}
