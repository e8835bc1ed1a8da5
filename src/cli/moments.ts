import { formatMilliseconds } from "../core/durations.ts";

/** A moment for people, in UTC to the second, which sorts and can be compared with logs: "2026-01-02 03:04:05Z". */
export function formatMoment(moment: Date): string {
  // Others may have written a job without its times.
  if (Number.isNaN(moment.getTime())) return "unknown";
  return `${moment.toISOString().slice(0, 19).replace("T", " ")}Z`;
}

/** The time between two moments; clocks of two machines may disagree, so never below zero. */
export function formatBetween(from: Date, to: Date): string {
  return formatMilliseconds(Math.max(0, to.getTime() - from.getTime()));
}
