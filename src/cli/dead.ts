import type { Command } from "commander";
import type { JobSnapshot } from "../client/index.ts";
import type { QueueName } from "../task/definition.ts";
import { queueOption, whole } from "./arguments.ts";
import { addDeadFlags, type DeadFlags, deadFilter } from "./dead-flags.ts";
import { addReplayCommand } from "./dead-replay.ts";
import type { CliDoors } from "./doors.ts";
import { plain } from "./error-report.ts";
import { exitCodes } from "./exit-codes.ts";
import { formatMoment } from "./moments.ts";
import type { Run } from "./run.ts";
import type { Screen } from "./screen.ts";
import { renderSnapshot } from "./status.ts";
import { renderTable } from "./table.ts";

/** `lovage dead`: the jobs that failed for good. */
export function addDeadCommands(program: Command, run: Run, doors: CliDoors): void {
  const dead = program.command("dead").description("list, replay or discard the jobs that failed for good");

  addDeadFlags(dead.command("list").description("list dead letters, the newest first"))
    .option("--limit <n>", "how many at most", whole(1, 1000), 50)
    .option("--cursor <cursor>", "go on where the last list ended")
    .option("--json", "print one JSON document: jobs and cursor")
    .addHelpText(
      "after",
      `
Examples:
  lovage dead list --task tasks.data_tasks.process_large_csv --since 1d
  lovage dead list --code RAY_JOB_FAILED --json | jq -r '.jobs[].id'`,
    )
    .action(({ limit, cursor, ...flags }: DeadFlags & { limit: number; cursor?: string }) =>
      run(async ({ client, screen }) => {
        const page = await client().deadLetters.list({
          ...deadFilter(flags),
          limit,
          ...(cursor !== undefined && { cursor }),
        });
        screen.answer({ jobs: page.jobs, cursor: page.cursor ?? null }, () => listOf(page.jobs, screen));
        if (page.cursor !== undefined) screen.note(`there are more; add --cursor ${page.cursor}`);
        return exitCodes.success;
      }),
    );

  dead
    .command("show")
    .description("show a dead letter: its input, error, and what became of it")
    .argument("<id>", "the job's id")
    .addOption(queueOption())
    .option("--json", "print one JSON document, with the whole input and the stack")
    .action((id: string, { queue }: { queue?: QueueName }) =>
      run(async ({ client, screen }) => {
        const job = await client().deadLetters.get(id, queue && { queue });
        screen.answer(job, () => renderSnapshot(job, screen));
        return exitCodes.success;
      }),
    );

  addReplayCommand(dead, run, doors);

  dead
    .command("discard")
    .description("remove dead letters with their logs, for good")
    .argument("<id...>", "the jobs' ids")
    .addOption(queueOption())
    .option("--json", "print one JSON document: the ids")
    .action((ids: string[], { queue }: { queue?: QueueName }) =>
      run(async ({ client, screen }) => {
        for (const id of ids) await client().deadLetters.discard(id, queue && { queue });
        screen.answer({ discarded: ids }, () => ids.map((id) => `job ${id} was discarded`).join("\n"));
        return exitCodes.success;
      }),
    );
}

function listOf(jobs: readonly JobSnapshot[], screen: Screen): string {
  if (jobs.length === 0) return "no dead letters";
  const columns = [
    { head: "id" },
    { head: "task" },
    { head: "queue" },
    { head: "ended" },
    { head: "replayed by" },
    { head: "error", wraps: true },
  ];
  const rows = jobs.map(({ id, task, queue, endedAt, error, replayedBy }) => [
    plain(id),
    plain(task),
    queue,
    endedAt === undefined ? "-" : formatMoment(endedAt),
    replayedBy ?? "-",
    error === undefined ? "-" : `${error.code}: ${plain(error.message).split("\n")[0]}`,
  ]);
  return renderTable(screen, columns, rows);
}
