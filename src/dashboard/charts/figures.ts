import type { History, Quantiles } from "../../client/index.ts";
import { formatMilliseconds } from "../../core/durations.ts";

/** The sums of a span, as texts, by name. */
export interface ChartFigure {
  id: string;
  name: string;
  value: string;
  note: string;
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
  const figure = (id: string, name: string, value: string, note = "") => ({ id, name, value, note });
  const times = (id: string, name: string, { p50, p95 }: Quantiles) =>
    figure(id, name, formatTime(p50), p95 === null ? "" : `95 %: ${formatTime(p95)}`);
  return [
    figure("completed", "Completed", count.format(completed)),
    figure(
      "failed",
      "Failed",
      count.format(failed),
      ended === 0 ? "" : `${((100 * failed) / ended).toFixed(1)} %`,
    ),
    figure("retried", "Retried", count.format(retried)),
    figure("dropped", "Dropped", count.format(cancelled + expired), "cancelled or expired"),
    times("wait", "Half waited", total.wait),
    times("run", "Half ran", total.run),
    figure("waiting", "Most waiting", waiting === null ? "–" : count.format(waiting)),
    figure("age", "Oldest waiting", formatTime(backlogAge)),
  ];
}

/** Whether there is anything to draw. */
export function isEmpty({ total, points }: History): boolean {
  const { completed, failed, retried, cancelled, expired } = total;
  const waited = points.some(({ waiting }) => (waiting ?? 0) > 0);
  return completed + failed + retried + cancelled + expired === 0 && !waited;
}
