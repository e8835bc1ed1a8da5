import { type Command, InvalidArgumentError } from "commander";
import { type FoundJob, type JobQuery, type JobState, jobStates } from "../client/index.ts";
import { toMoment } from "../core/moments.ts";
import { isEnded } from "../core/states.ts";
import { suggestion } from "../core/suggestion.ts";
import type { QueueName } from "../task/definition.ts";
import { queue as readQueue, whole } from "./arguments.ts";
import type { CliDoors } from "./doors.ts";
import { plain } from "./error-report.ts";
import { exitCodes } from "./exit-codes.ts";
import { formatMoment } from "./moments.ts";
import { createProgressBar } from "./progress-bar.ts";
import type { Run } from "./run.ts";
import type { Screen } from "./screen.ts";
import { renderTable } from "./table.ts";

interface JobFlags extends Pick<JobQuery, "task" | "tag" | "code" | "worker" | "text" | "id"> {
  queue?: QueueName;
  state?: JobState[];
  since?: Date;
  until?: Date;
  limit: number;
}

/** A part of a search has so many jobs at most. */
const mostInPart = 1000;

/** `lovage jobs`: a search over the jobs of all queues. */
export function addJobsCommand(program: Command, run: Run, doors: CliDoors): void {
  program
    .command("jobs")
    .description("search the jobs of all queues: those that run first, then the nearest to now")
    .option("--id <id>", "only with this id, or whose ids begin so")
    .option("--task <task>", "only of this task")
    .option("--state <state>", "only in this state; may be given again", readState)
    .option("--queue <name>", "only of this queue", readQueue)
    .option("--tag <tag>", "only with this tag")
    .option("--text <text>", "only with this text in the input, the result or the error, whatever its case")
    .option("--code <code>", "only with this error code")
    .option("--worker <name>", "only those that this worker took last")
    .option("--since <moment>", "enqueued so long ago at most (1h), or since 2026-01-31T08:00:00Z", moment)
    .option("--until <moment>", "enqueued so long ago at least, or before such a moment", moment)
    .option("--limit <n>", "how many at most", whole(1, 100_000), 50)
    .option("--json", "print one JSON document: jobs, looked, total, more")
    .addHelpText(
      "after",
      `
It looks at one job after the other, up to some 100,000 a second, until it has found enough; Ctrl-C harms nothing.

Examples:
  lovage jobs --state active
  lovage jobs --task tasks.data_tasks.process_large_csv --state failed --since 1d
  lovage jobs --text "s3://bucket/part-17" --json | jq -r '.jobs[].id'`,
    )
    .action((flags: JobFlags) =>
      run(async ({ client, screen, onInterrupt }) => {
        const query = queryOf(flags);
        const bar = screen.json ? undefined : createProgressBar(doors.stderr, "looking");
        const jobs: FoundJob[] = [];
        let cursor: string | null = null;
        let looked = 0;
        let total = 0;
        onInterrupt(() => {
          bar?.stop();
          return { message: `interrupted after ${looked} of ${total} jobs; ${jobs.length} found` };
        });
        try {
          do {
            const limit = Math.min(mostInPart, flags.limit - jobs.length);
            const page = await client().search(query, { limit, ...(cursor !== null && { cursor }) });
            jobs.push(...page.jobs);
            ({ cursor, looked, total } = page);
            const going = cursor !== null && jobs.length < flags.limit;
            // A search that one part ends needs no bar.
            if (going) bar?.show({ fraction: looked / Math.max(1, total), message: `${jobs.length} found` });
          } while (cursor !== null && jobs.length < flags.limit);
        } finally {
          bar?.stop();
        }
        const more = cursor !== null;
        screen.answer({ jobs, looked, total, more }, () => listOf(jobs, screen));
        if (more) screen.note(`looked at ${looked} of ${total} jobs; a larger --limit looks on`);
        return exitCodes.success;
      }),
    );
}

function queryOf({ limit: _limit, state, ...flags }: JobFlags): JobQuery {
  const { id, task, queue, tag, text, code, worker, since, until } = flags;
  const given = { id, task, queue, states: state, tag, text, code, worker, since, until };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function listOf(jobs: readonly FoundJob[], screen: Screen): string {
  if (jobs.length === 0) return "no job fits";
  const heads = ["id", "task", "queue", "state", "when", "attempt", "worker"].map((head) => ({ head }));
  const rows = jobs.map((job) => [
    plain(job.id),
    plain(job.task),
    job.queue,
    stateText(job, screen),
    whenOf(job),
    `${job.attempt}/${job.attempts}`,
    plain(job.worker ?? "-"),
    job.error === null
      ? plain(job.input)
      : `${job.error.code}: ${plain(job.error.message).split("\n")[0] ?? ""}`,
  ]);
  return renderTable(screen, [...heads, { head: "input or error", wraps: true }], rows);
}

function stateText({ state }: FoundJob, { colors }: Screen): string {
  if (state === "completed") return colors.green(state);
  return isEnded(state) ? colors.red(state) : colors.cyan(state);
}

/** The moment that matters in the job's state. */
function whenOf({ state, endedAt, startedAt, at, enqueuedAt }: FoundJob): string {
  if (endedAt !== null) return `ended ${formatMoment(endedAt)}`;
  if (at !== null) return `starts ${formatMoment(at)}`;
  if (state === "active" && startedAt !== null) return `started ${formatMoment(startedAt)}`;
  return `enqueued ${formatMoment(enqueuedAt)}`;
}

function readState(text: string, before: JobState[] = []): JobState[] {
  const state = jobStates.find((known) => known === text);
  if (state !== undefined) return [...before, state];
  const near = suggestion(text, jobStates);
  const meant = near === undefined ? "" : ` Did you mean ${near}?`;
  throw new InvalidArgumentError(`The states are ${jobStates.join(", ")}.${meant}`);
}

function moment(text: string): Date {
  try {
    return toMoment(text, "moment");
  } catch {
    throw new InvalidArgumentError('Write it as "30s", "15m", "2h", "1d", or as "2026-01-31T08:00:00Z".');
  }
}
