import type { BackfilledTime, ScheduleView } from "../client/index.ts";
import { formatMilliseconds, writeDuration } from "../core/durations.ts";
import { plain } from "./error-report.ts";
import { formatBetween, formatMoment } from "./moments.ts";
import type { Screen } from "./screen.ts";
import { renderFields, renderTable } from "./table.ts";

/** Lateness below this says nothing: timers and Redis need some. Milliseconds. */
const unremarkable = 1000;

export function listSchedules(schedules: readonly ScheduleView[], screen: Screen): string {
  if (schedules.length === 0) return "no schedules";
  const columns = ["name", "task", "when", "next", "last", "fired", "skipped"].map((head) => ({ head }));
  const rows = schedules.map((schedule) => [
    schedule.name,
    schedule.task === schedule.name ? "" : schedule.task,
    timingText(schedule.timing),
    nextText(schedule, screen),
    schedule.last === null ? "never" : formatMoment(schedule.last.at),
    String(schedule.fired),
    String(schedule.skipped),
  ]);
  return renderTable(screen, columns, rows);
}

export function renderSchedule(schedule: ScheduleView, screen: Screen): string {
  const { last, paused, lateness } = schedule;
  const fields: [string, string][] = [
    ["name", schedule.name],
    ["task", schedule.task],
    ["queue", schedule.queue],
    ["origin", schedule.origin === "declared" ? "declared with the task" : "made by hand"],
    ["when", timingText(schedule.timing)],
  ];
  if (schedule.description !== "") fields.push(["what", plain(schedule.description)]);
  if (schedule.starts !== null) fields.push(["from", formatMoment(schedule.starts)]);
  if (schedule.ends !== null) fields.push(["until", formatMoment(schedule.ends)]);
  if (schedule.jitter > 0) fields.push(["jitter", `up to ${writeDuration(schedule.jitter)} later`]);
  fields.push(["overlap", schedule.overlap], ["missed", missedText(schedule.missed)]);
  fields.push(["next", nextText(schedule, screen)]);
  if (paused !== null) {
    const who = paused.by === null ? "" : ` by ${plain(paused.by)}`;
    const note = paused.note === null ? "" : `: ${plain(paused.note)}`;
    fields.push(["paused", `${formatMoment(paused.at)}${who}${note}`]);
  }
  if (last !== null) {
    const late = lateness < unremarkable ? "" : ` (${formatMilliseconds(lateness)} late)`;
    fields.push(["last", `${formatMoment(last.at)}${late}`], ["its job", last.job.id]);
  }
  const limit = schedule.limit === null ? "" : ` of ${schedule.limit}`;
  fields.push(["fired", `${schedule.fired}${limit}`], ["skipped", String(schedule.skipped)]);
  if (schedule.rearmed > 0) fields.push(["armed again", String(schedule.rearmed)]);
  fields.push(["input", JSON.stringify(schedule.input) ?? "-"]);
  return renderFields(screen, fields);
}

export function listBackfill(times: readonly BackfilledTime[], dryRun: boolean, screen: Screen): string {
  if (times.length === 0) return "the schedule has no time in this range";
  const columns = ["time", "job", "outcome"].map((head) => ({ head }));
  const made = dryRun ? "would be made" : "made";
  const rows = times.map(({ at, job, existing }) => [
    formatMoment(at),
    job.id,
    existing ? "was there already" : made,
  ]);
  return renderTable(screen, columns, rows);
}

function timingText(timing: ScheduleView["timing"]): string {
  return "every" in timing ? `every ${writeDuration(timing.every)}` : `${timing.cron} (${timing.timeZone})`;
}

function missedText(missed: ScheduleView["missed"]): string {
  if (typeof missed === "object") return `all of the last ${writeDuration(missed.within)} are made up for`;
  return missed === "once" ? "the last one is made up for" : "none is made up for";
}

function nextText({ next, paused }: ScheduleView, { colors }: Screen): string {
  if (paused !== null) return colors.yellow("paused");
  if (next === null) return "no more";
  return `${formatMoment(next)} (in ${formatBetween(new Date(), next)})`;
}
