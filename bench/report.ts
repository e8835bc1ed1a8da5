import Table from "cli-table3";

/** One line of the final table. */
export interface Finding {
  what: string;
  unit: string;
  lovage: number;
  baseline: number;
  /** Lovage to baseline; where rounds were paired, the median of the rounds' ratios. */
  ratio: number;
  /** What is held against the goal; null where a line only informs. */
  goal: Goal | null;
}

export interface Goal {
  on: "ratio" | "lovage";
  /** Whether the figure must stay at or above, or at or below, the bound. */
  sense: "least" | "most";
  bound: number;
}

/** What one benchmark prints with `--json`. */
export interface Report {
  benchmark: string;
  /** How it was measured, in one sentence. */
  method: string;
  findings: Finding[];
  /** Every round's figures, for who doubts the medians. */
  rounds: unknown;
}

/** Whether a goal is met; null without a goal. */
export function met({ goal, ...finding }: Finding): boolean | null {
  if (goal === null) return null;
  const figure = finding[goal.on];
  return goal.sense === "least" ? figure >= goal.bound : figure <= goal.bound;
}

export function renderTable(reports: readonly Report[]): string {
  const table = new Table({
    head: ["what", "Lovage", "baseline", "ratio", "goal", "met"],
    colAligns: ["left", "right", "right", "right", "left", "left"],
    style: { head: [], border: [] },
  });
  for (const finding of reports.flatMap(({ findings }) => findings)) {
    const { what, unit, lovage, baseline, ratio } = finding;
    const verdict = met(finding);
    table.push([
      what,
      `${figure(lovage)} ${unit}`,
      `${figure(baseline)} ${unit}`,
      ratio.toFixed(2),
      goalText(finding),
      verdict === null ? "" : verdict ? "yes" : "NO",
    ]);
  }
  return table.toString();
}

/** Prints the report as the caller wished: a table for people, or one JSON document and nothing else. */
export function printReport(report: Report, json: boolean): void {
  process.stdout.write(
    json ? `${JSON.stringify(report, null, 2)}\n` : `${renderTable([report])}\n${report.method}\n`,
  );
}

/** Tells that a benchmark lives; on standard error, so that `--json` stays one document. */
export function say(text: string): void {
  process.stderr.write(`  ${text}\n`);
}

function goalText({ goal, unit }: Finding): string {
  if (goal === null) return "";
  const bound = goal.on === "ratio" ? goal.bound.toFixed(2) : `${figure(goal.bound)} ${unit}`;
  return `${goal.on === "ratio" ? "ratio " : ""}${goal.sense === "least" ? "≥" : "≤"} ${bound}`;
}

function figure(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(2);
}
