import { type Command, Option } from "commander";
import { type Client, type JobFilter, type OpenState, openStates } from "../client/index.ts";
import { LovageError } from "../core/errors.ts";
import type { TaskTypes } from "../task/catalogue.ts";
import type { QueueName } from "../task/definition.ts";
import { queue, whole } from "./arguments.ts";
import { confirm } from "./confirm.ts";
import type { CliDoors } from "./doors.ts";
import { toCoded } from "./error-report.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Run } from "./run.ts";
import type { Screen } from "./screen.ts";
import { renderTable } from "./table.ts";

/** What became of one job. */
interface Outcome {
  id: string;
  task?: string;
  queue?: string;
  outcome: string;
  error?: { code: string; message: string };
}

/** `lovage control cancel`: several jobs at once, which `lovage cancel` does not. */
export function addCancelMany(control: Command, run: Run): void {
  interface Flags extends JobFilter {
    reason: string;
    limit: number;
    dryRun?: boolean;
  }
  control
    .command("cancel")
    .description("cancel jobs by their ids, or those that fit a filter; none of them is tried again")
    .argument("[ids...]", "ids of jobs")
    .option("--task <name>", "jobs of this task")
    .option("--tag <tag>", "jobs with this tag")
    .option("--queue <name>", "jobs of this queue", queue)
    .addOption(new Option("--state <state>", "jobs in this state").choices(openStates))
    .option("--reason <text>", "why; kept with the job", "cancelled from the command line")
    .option("--limit <n>", "cancel at most so many", whole(1, 1_000_000), 1000)
    .option("--dry-run", "only list them")
    .option("--json", "print one JSON document: jobs with their outcomes, and whether there are more")
    .action((ids: string[], flags: Flags) =>
      run(async ({ client, screen }) => {
        if (ids.length > 0) return cancelByIds(client().control, ids, flags, screen);
        const { task, tag, queue: of, state, reason, limit, dryRun = false } = flags;
        const filter = {
          ...(task !== undefined && { task }),
          ...(tag !== undefined && { tag }),
          ...(of !== undefined && { queue: of }),
          ...(state !== undefined && { state: state as OpenState }),
        };
        const done = await client().control.cancelMany(filter, { reason, limit, dryRun });
        screen.answer(done, () => listOutcomes(done.jobs, screen));
        if (done.more) screen.note(`there are more than ${limit}; say --limit to take more at once`);
        return exitCodes.success;
      }),
    );
}

/** What would be said of the next job as well. */
const hopeless = new Set([
  "REDIS_UNAVAILABLE",
  "REDIS_FORBIDDEN",
  "API_UNAVAILABLE",
  "UNAUTHENTICATED",
  "FORBIDDEN",
]);

async function cancelByIds(
  control: Client<TaskTypes>["control"],
  ids: readonly string[],
  { task, tag, state, queue: of, reason, dryRun }: JobFilter & { reason: string; dryRun?: boolean },
  screen: Screen,
): Promise<number> {
  if (task !== undefined || tag !== undefined || state !== undefined || dryRun === true) {
    throw new LovageError("USAGE", "ids and a filter cannot be given together", {
      hint: "give ids (with --queue where several queues have one), or a filter",
    });
  }
  const jobs: Outcome[] = [];
  for (const id of ids) {
    try {
      jobs.push({ id, outcome: await control.cancel(id, { reason, ...(of && { queue: of }) }) });
    } catch (error) {
      const { code, message } = toCoded(error);
      if (hopeless.has(code)) throw error;
      jobs.push({ id, outcome: "error" as const, error: { code, message } });
    }
  }
  screen.answer({ jobs, more: false }, () => listOutcomes(jobs, screen));
  const all = jobs.every(({ outcome }) => outcome === "cancelled" || outcome === "cancelling");
  return all ? exitCodes.success : exitCodes.failure;
}

function listOutcomes(
  jobs: readonly {
    id: string;
    task?: string;
    queue?: string;
    outcome: string;
    error?: { message: string };
  }[],
  screen: Screen,
): string {
  if (jobs.length === 0) return "no such job";
  const rows = jobs.map(({ id, task, queue: of, outcome, error }) => [
    id,
    error === undefined ? outcome : screen.colors.red(error.message),
    task ?? "",
    of ?? "",
  ]);
  return renderTable(
    screen,
    ["id", "outcome", "task", "queue"].map((head) => ({ head })),
    rows,
  );
}

/** `lovage control purge`: empties a queue. */
export function addPurge(control: Command, run: Run, doors: CliDoors): void {
  control
    .command("purge")
    .description("remove all waiting and scheduled jobs of a queue, for good")
    .argument("<queue>", "a queue", queue)
    .option("--yes", "do not ask")
    .option("--json", "print one JSON document: how many were removed, and left")
    .action((name: QueueName, { yes = false }: { yes?: boolean }) =>
      run(async ({ client, screen }) => {
        if (!yes) {
          const queues = await client().inspect.queues();
          const { waiting = 0, scheduled = 0 } = queues.find((candidate) => candidate.queue === name) ?? {};
          const question = `Remove ${waiting} waiting and ${scheduled} scheduled jobs of queue ${name} for good?`;
          if (!(await confirm(question, doors, screen.json))) {
            screen.note("nothing was removed");
            return exitCodes.failure;
          }
        }
        const purged = await client().control.purge(name);
        screen.answer({ queue: name, ...purged }, () => {
          const { waiting, scheduled, left } = purged;
          const rest = left === 0 ? "" : `; ${left} were taken meanwhile and left`;
          return `removed ${waiting} waiting and ${scheduled} scheduled jobs of queue ${name}${rest}`;
        });
        return exitCodes.success;
      }),
    );
}
