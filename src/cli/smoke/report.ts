import { formatMilliseconds } from "../../core/durations.ts";
import { plain } from "../error-report.ts";
import type { Screen } from "../screen.ts";
import { renderTable } from "../table.ts";
import { type CheckReport, type CheckResult, count } from "./check.ts";

/** What `--json` prints. */
export interface SmokeDocument {
  ok: boolean;
  /** Of the program that looked. */
  version: string;
  milliseconds: number;
  checks: readonly CheckReport[];
}

export function documentOf(
  checks: readonly CheckReport[],
  version: string,
  milliseconds: number,
): SmokeDocument {
  return { ok: checks.every(({ result }) => result !== "failed"), version, milliseconds, checks };
}

const words: Record<CheckResult, string> = {
  ok: "ok",
  warning: "warning",
  failed: "failed",
  "left-out": "left out",
};

/** One line a check, and what to do where something is to be done. */
export function renderReports(reports: readonly CheckReport[], screen: Screen, milliseconds: number): string {
  const { green, yellow, red, dim } = screen.colors;
  const paint: Record<CheckResult, (text: string) => string> = {
    ok: green,
    warning: yellow,
    failed: red,
    "left-out": dim,
  };
  const rows = reports.map(({ check, result, milliseconds: took, message, hint }) => [
    check,
    paint[result](words[result]),
    formatMilliseconds(took),
    plain(message) + (hint === undefined || result === "ok" ? "" : `\n${dim("hint:")} ${plain(hint)}`),
  ]);
  const columns = [{ head: "check" }, { head: "result" }, { head: "after" }, { head: "what", wraps: true }];
  const failed = reports.filter(({ result }) => result === "failed").length;
  const within = formatMilliseconds(milliseconds);
  const sum =
    failed === 0
      ? green(`no check of ${reports.length} failed, after ${within}`)
      : red(`${failed} of ${count(reports.length, "check")} failed, after ${within}`);
  return `${renderTable(screen, columns, rows)}\n\n${sum}`;
}
