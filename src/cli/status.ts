import type { Command } from "commander";
import type { JobSnapshot } from "../client/index.ts";
import { isEnded } from "../core/states.ts";
import type { QueueName } from "../task/definition.ts";
import { queueOption } from "./arguments.ts";
import { plain } from "./error-report.ts";
import { exitCodes } from "./exit-codes.ts";
import { formatBetween, formatMoment } from "./moments.ts";
import type { Run } from "./run.ts";
import type { Screen } from "./screen.ts";
import { renderFields } from "./table.ts";

/** Inputs are shown to recognise a job by; `--json` has the whole. */
const inputExcerpt = 300;

/** `lovage status`: all that is known of a job. */
export function addStatusCommand(program: Command, run: Run): void {
  program
    .command("status")
    .description("show a job")
    .argument("<id>", "the job's id")
    .addOption(queueOption())
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Exits with 0 whatever the job's state is; lovage result tells success and failure apart.

Examples:
  lovage status 3f0c6a52-5a7e-4c0f-9d0e-0f7b1f7a9c11
  lovage status my-job --json | jq -r .state`,
    )
    .action((id: string, { queue }: { queue?: QueueName }) =>
      run(async ({ client, screen }) => {
        const snapshot = await (await client().get(id, queue && { queue })).snapshot();
        screen.answer(snapshot, () => renderSnapshot(snapshot, screen));
        return exitCodes.success;
      }),
    );
}

/** All that is known of a job, for a person. */
export function renderSnapshot(snapshot: JobSnapshot, screen: Screen): string {
  return renderFields(screen, fieldsOf(snapshot, screen, new Date()));
}

function fieldsOf(snapshot: JobSnapshot, screen: Screen, now: Date): [string, string][] {
  const { id, state, attempt, enqueuedAt, startedAt, endedAt, progress, error, rayJob } = snapshot;
  const { colors } = screen;
  const fields: [string, string][] = [
    ["id", id],
    ["task", snapshot.task],
    ["queue", snapshot.queue],
    ["state", stateText(snapshot, screen)],
    ["attempt", `${attempt} of ${snapshot.attempts}`],
    ["worker", snapshot.worker ?? "-"],
    ["enqueued", `${formatMoment(enqueuedAt)} (${formatBetween(enqueuedAt, now)} ago)`],
  ];
  if (startedAt !== undefined) {
    // Of a later attempt the time since the call is no time of waiting.
    const waited = attempt <= 1 ? ` (waited ${formatBetween(enqueuedAt, startedAt)})` : "";
    fields.push(["started", formatMoment(startedAt) + waited]);
    if (state === "active") fields.push(["runs", formatBetween(startedAt, now)]);
  }
  if (endedAt !== undefined) {
    const ran = startedAt === undefined ? "" : ` (ran ${formatBetween(startedAt, endedAt)})`;
    fields.push(["ended", formatMoment(endedAt) + ran]);
  }
  if (progress !== undefined) {
    const percent = progress.fraction === null ? "" : `${Math.floor(progress.fraction * 100)}% `;
    fields.push(["progress", `${percent}${plain(progress.message)}`.trim()]);
  }
  if (rayJob !== undefined) fields.push(["Ray job", rayJob.submissionId]);
  if (snapshot.tags.length > 0) fields.push(["tags", plain(snapshot.tags.join(", "))]);
  if (Object.keys(snapshot.metadata).length > 0)
    fields.push(["metadata", plain(JSON.stringify(snapshot.metadata))]);
  if (snapshot.replayOf !== undefined) fields.push(["replay of", plain(snapshot.replayOf)]);
  if (snapshot.calls !== undefined) fields.push(["calls", String(snapshot.calls)]);
  if (snapshot.replayedBy !== undefined) fields.push(["replayed by", plain(snapshot.replayedBy)]);
  const input = JSON.stringify(snapshot.input) ?? "-";
  fields.push(["input", input.length > inputExcerpt ? `${input.slice(0, inputExcerpt)}…` : input]);
  if (error !== undefined) {
    fields.push(["error", `${colors.red(error.code)}: ${plain(error.message)}`]);
    if (error.hint !== undefined) fields.push(["hint", plain(error.hint)]);
  }
  fields.push(["next", nextOf(snapshot)]);
  return fields;
}

function stateText({ state, cancelRequested }: JobSnapshot, { colors }: Screen): string {
  if (state === "completed") return colors.green(state);
  if (isEnded(state)) return colors.red(state);
  return colors.bold(cancelRequested ? `${state} (cancelling)` : state);
}

function nextOf({ id, state, replayedBy, calls }: JobSnapshot): string {
  if (replayedBy !== undefined) return `lovage status ${replayedBy}`;
  if (calls !== undefined) return `lovage workflow ${id}`;
  if (state === "failed") return `lovage logs ${id}, or lovage dead replay ${id}`;
  if (state === "completed") return `lovage result ${id}`;
  return isEnded(state) ? `lovage logs ${id}` : `lovage logs ${id} --follow`;
}
