import type { ScheduleView } from "../../client/index.ts";
import { formatMilliseconds } from "../../core/durations.ts";
import { formatMoment } from "../moments.ts";

export function schedulePath(name: string): string {
  return `/schedules/${encodeURIComponent(name)}`;
}

/** A next time that is so many milliseconds old has been left lying. */
const lateAfter = 30_000;

/** `late`: its time has passed, and no scheduler saw to it. `ended`: it will not fire again. */
export function stateOf({ paused, next }: ScheduleView, now: number): "ok" | "paused" | "late" | "ended" {
  if (paused !== null) return "paused";
  if (next === null) return "ended";
  return next.getTime() < now - lateAfter ? "late" : "ok";
}

export function timingText({ timing }: Pick<ScheduleView, "timing">): string {
  return "every" in timing ? `every ${lengthText(timing.every)}` : `${timing.cron} (${timing.timeZone})`;
}

/** A length as people write it: without the zeros of a clock. */
export function lengthText(milliseconds: number): string {
  return formatMilliseconds(milliseconds).replace(/ 0[hms]$|\.0(?=s$)/, "");
}

const overlaps: Record<ScheduleView["overlap"], string> = {
  allow: "run beside each other",
  skip: "skip",
  queue: "queue one",
  cancel: "cancel the running one",
};

/** What happens while an earlier job runs. */
export function overlapText({ overlap }: Pick<ScheduleView, "overlap">): string {
  return overlaps[overlap];
}

/** What happens to times that passed while no scheduler ran. */
export function missedText({ missed }: Pick<ScheduleView, "missed">): string {
  if (missed === "skip") return "skip";
  return missed === "once" ? "run once" : `catch up within ${lengthText(missed.within)}`;
}

/** Who paused it, when and why. */
export function pauseText({ paused }: Pick<ScheduleView, "paused">): string {
  if (paused === null) return "";
  const by = paused.by === null ? "" : ` by ${paused.by}`;
  return `since ${formatMoment(paused.at)}${by}${paused.note === null ? "" : `: ${paused.note}`}`;
}
