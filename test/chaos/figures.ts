import * as z from "zod";
import { withMadePart } from "../../bench/made-part.ts";
import { faults as all } from "./index.ts";

const count = z.int().min(0);

/** A fault's line of a report, with where it comes from. */
const Kept = z.object({
  fault: z.string(),
  measuredOn: z.iso.date(),
  seed: z.int(),
  rounds: count,
  enqueued: count,
  completed: count,
  failed: count,
  cancelled: count,
  expired: count,
  lost: count,
  doubled: count,
  seconds: z.number(),
  notes: z.record(z.string(), z.union([z.number(), z.string()])),
  passed: z.boolean(),
});
type Kept = z.infer<typeof Kept>;

/** What docs/reliability.json holds: the last run of each fault. */
export const Figures = z.object({ machine: z.record(z.string(), z.unknown()), faults: z.array(Kept) });
export type Figures = z.infer<typeof Figures>;

/** What `chaos.ts --json` prints, as far as it is kept. */
const Report = z.object({
  seed: z.int(),
  machine: z.record(z.string(), z.unknown()),
  faults: z.array(Kept.omit({ measuredOn: true, seed: true }).extend({ skipped: z.string().optional() })),
});

/** The figures with those of a report in the place of older ones of the same faults; what was left out changes nothing. */
export function withReport(figures: Figures, text: string, measuredOn: string): Figures {
  const { seed, machine, faults } = Report.parse(JSON.parse(text));
  const known = new Map(figures.faults.map((line) => [line.fault, line]));
  for (const { skipped, ...line } of faults)
    if (skipped === undefined) known.set(line.fault, Kept.parse({ ...line, measuredOn, seed }));
  return { machine, faults: all.flatMap(({ name }) => known.get(name) ?? []) };
}

/** A page with the table of the figures. */
export function withFigures(page: string, figures: Figures): string {
  return withMadePart(page, "reliability.json", render(figures));
}

function render({ machine, faults }: Figures): string {
  const { cpus, memoryGiB, node, redis } = machine;
  const head = [
    "fault",
    "rounds",
    "enqueued",
    "completed",
    "failed",
    "cancelled",
    "expired",
    "lost",
    "doubled",
    "noted",
  ];
  const rows = faults.map((line) => [
    `\`${line.fault}\`${line.passed ? "" : " (**failed**)"}`,
    ...[line.rounds, line.enqueued, line.completed, line.failed, line.cancelled, line.expired].map(grouped),
    ...[line.lost, line.doubled].map((one) => (one === 0 ? "0" : `**${grouped(one)}**`)),
    Object.entries(line.notes)
      .map(([name, value]) => `${name} ${value}`)
      .join(", "),
  ]);
  const sum = (of: (line: Kept) => number) => grouped(faults.reduce((total, line) => total + of(line), 0));
  const days = [...new Set(faults.map(({ measuredOn }) => measuredOn))].toSorted().join(" and ");
  return [
    `${sum(({ rounds }) => rounds)} rounds on ${days}, ${cpus} CPUs, ${memoryGiB} GiB, Node ${node}, ${redis}: ${sum(({ enqueued }) => enqueued)} jobs, ` +
      `${sum(({ lost }) => lost)} lost, ${sum(({ doubled }) => doubled)} done twice.`,
    "",
    ...[head, head.map((name) => (name === "fault" || name === "noted" ? "---" : "---:")), ...rows].map(
      (cells) => `| ${cells.join(" | ")} |`,
    ),
  ].join("\n");
}

function grouped(value: number): string {
  return value.toLocaleString("en-US");
}
