import type { History, Quantiles } from "../../client/index.ts";
import { formatMilliseconds } from "../../core/durations.ts";

/** The sums of a span, as texts, by name. */
export interface ChartFigure {
  id: string;
  name: string;
  value: string;
}

const count = new Intl.NumberFormat("en-US");

/** Milliseconds for people; a dash where there is none. */
export function formatTime(milliseconds: number | null): string {
  return milliseconds === null ? "–" : formatMilliseconds(milliseconds);
}

/** What the head of the charts says of the whole span. */
export function toFigures({ total }: History): ChartFigure[] {
  const { completed, failed, retried, cancelled, expired, waiting, backlogAge } = total;
  const ended = completed + failed;
  const share = ended === 0 ? "–" : `${((100 * failed) / ended).toFixed(1)} %`;
  return [
    { id: "completed", name: "Completed", value: count.format(completed) },
    { id: "failed", name: "Failed", value: `${count.format(failed)} (${share})` },
    { id: "retried", name: "Retried", value: count.format(retried) },
    { id: "dropped", name: "Cancelled or expired", value: count.format(cancelled + expired) },
    { id: "wait", name: "Wait, half and 95 %", value: formatPair(total.wait) },
    { id: "run", name: "Run, half and 95 %", value: formatPair(total.run) },
    { id: "waiting", name: "Most waiting", value: waiting === null ? "–" : count.format(waiting) },
    { id: "age", name: "Oldest waiting", value: formatTime(backlogAge) },
  ];
}

function formatPair({ p50, p95 }: Quantiles): string {
  return p50 === null ? "–" : `${formatTime(p50)} · ${formatTime(p95)}`;
}

/** Whether there is anything to draw. */
export function isEmpty({ total, points }: History): boolean {
  const { completed, failed, retried, cancelled, expired } = total;
  const waited = points.some(({ waiting }) => (waiting ?? 0) > 0);
  return completed + failed + retried + cancelled + expired === 0 && !waited;
}
