import { setTimeout as sleep } from "node:timers/promises";
import { errorDocument, toCoded } from "../error-report.ts";

/** `warning` and `left-out` let the whole pass. */
export type CheckResult = "ok" | "warning" | "failed" | "left-out";

/** What a check found, in words for a person. */
export interface Finding {
  result: CheckResult;
  message: string;
  /** What to do. */
  hint?: string | undefined;
}

export interface Check {
  name: string;
  /** What it throws is a failure. */
  run(): Promise<Finding>;
}

/** A finding as it is printed. */
export interface CheckReport extends Finding {
  check: string;
  milliseconds: number;
}

/** How soon something that is not yet as it should be is looked at again, in milliseconds. */
const lookInterval = 500;

/** Runs all checks at once, whatever becomes of each; the reports come in the order of the checks. */
export function runChecks(checks: readonly Check[], onDone: (check: string) => void): Promise<CheckReport[]> {
  return Promise.all(
    checks.map(async ({ name, run }) => {
      const began = performance.now();
      const finding = await run().catch(failure);
      onDone(name);
      return { check: name, milliseconds: Math.round(performance.now() - began), ...finding };
    }),
  );
}

/** A thrown error as a finding. */
export function failure(thrown: unknown): Finding {
  const { code, message, hint } = errorDocument(toCoded(thrown)).error;
  return { result: "failed", message: `${code}: ${message}`, hint };
}

/** Looks until all is well or the time is over: right after a deployment some things take a moment. */
export async function untilWell(look: () => Promise<Finding>, milliseconds: number): Promise<Finding> {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const finding = await look();
    if (finding.result === "ok" || performance.now() + lookInterval > deadline) return finding;
    await sleep(lookInterval);
  }
}

/** `3 jobs`, `1 job`. */
export function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}
