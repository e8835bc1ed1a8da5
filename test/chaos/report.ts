import Table from "cli-table3";
import type { Machine } from "./machine.ts";
import type { FaultReport } from "./suite.ts";

/** What `--json` prints. */
export interface ChaosReport {
  seed: number;
  quick: boolean;
  machine: Omit<Machine, "lacks">;
  faults: FaultReport[];
}

export function renderReport({ seed, quick, machine, faults }: ChaosReport): string {
  const counts = ["enqueued", "completed", "failed", "cancelled", "expired", "lost", "doubled"] as const;
  const table = new Table({
    head: ["fault", "rounds", ...counts, "seconds", "passed"],
    colAligns: ["left", "right", ...counts.map(() => "right" as const), "right", "left"],
    style: { head: [], border: [] },
  });
  for (const report of faults) {
    const verdict = report.skipped ?? (report.passed ? "yes" : "NO");
    const figures = [report.rounds, ...counts.map((name) => report[name]), report.seconds.toFixed(1)];
    table.push([report.fault, ...figures.map(String), verdict]);
  }
  const { cpus, memoryGiB, node, redis } = machine;
  const notes = faults.flatMap(({ fault, notes: told }) => {
    const said = Object.entries(told).map(([name, value]) => `${name} ${value}`);
    return said.length === 0 ? [] : [`${fault}: ${said.join(", ")}`];
  });
  return [
    table.toString(),
    `seed ${seed}, ${quick ? "the short form" : "the long form"}; ${cpus} CPUs, ${memoryGiB} GiB, Node ${node}, ${redis}`,
    ...notes,
    "",
  ].join("\n");
}

/** Whether anything that was run failed, or nothing was run at all. */
export function failed({ faults }: ChaosReport): boolean {
  return faults.length === 0 || faults.some(({ passed, skipped }) => !passed && skipped === undefined);
}
