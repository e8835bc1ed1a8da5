import type { Command } from "commander";
import type { ReplayCounts } from "../client/index.ts";
import { LovageError } from "../core/errors.ts";
import { addDeadFlags, type DeadFlags, deadFilter } from "./dead-flags.ts";
import type { CliDoors } from "./doors.ts";
import { plain } from "./error-report.ts";
import { exitCodes } from "./exit-codes.ts";
import { parseInput, readAll } from "./json-input.ts";
import type { Call, Run } from "./run.ts";

interface ReplayFlags extends DeadFlags {
  all?: boolean;
  input?: string;
  again?: boolean;
  dryRun?: boolean;
}

/** `lovage dead replay`: makes new jobs of dead ones. */
export function addReplayCommand(dead: Command, run: Run, doors: CliDoors): void {
  addDeadFlags(dead.command("replay").description("make a new job of a dead one, or of all that fit"))
    .argument("[id]", "the job's id")
    .option("--input <json>", "another input, or - to read it from standard input")
    .option("--all", "all that fit the options, instead of one id")
    .option("--again", "also what was replayed already")
    .option("--dry-run", "with --all: only count")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
The new job has the old one's tags, metadata and limits; each names the other (lovage dead show).
A replay that is repeated makes no second job, unless --again asks for one.

Examples:
  lovage dead replay my-job
  lovage dead replay my-job --input '{"path": "mended.csv"}'
  lovage dead replay --all --task tasks.data_tasks.process_large_csv --code RAY_JOB_FAILED --dry-run`,
    )
    .action((id: string | undefined, flags: ReplayFlags) =>
      run(async (call) => {
        checkUsage(id, flags);
        return id === undefined ? replayAll(flags, call) : replayOne(id, flags, call, doors);
      }),
    );
}

async function replayOne(
  id: string,
  { queue, input: text, again = false }: ReplayFlags,
  { client, screen }: Call,
  { stdin }: CliDoors,
): Promise<number> {
  const edited = text !== undefined && { input: parseInput(text === "-" ? await readAll(stdin) : text) };
  const job = await client().deadLetters.replay(id, { ...(queue && { queue }), ...edited, again });
  screen.answer({ id: job.id, task: job.task, queue: job.queue, replayOf: id }, () => job.id);
  screen.note(`job ${id} is replayed as ${job.id}; see lovage status ${job.id}`);
  return exitCodes.success;
}

async function replayAll(flags: ReplayFlags, { client, screen }: Call): Promise<number> {
  const { again = false, dryRun = false } = flags;
  const counts = await client().deadLetters.replayMany(deadFilter(flags), {
    again,
    dryRun,
    onProgress: ({ matched, replayed }) => screen.note(`${replayed} of ${matched} …`),
  });
  screen.answer(
    { ...counts, dryRun, failed: counts.failed.map((one) => ({ ...one, error: one.error.toRecord() })) },
    () => summaryOf(counts, dryRun),
  );
  return counts.failed.length === 0 ? exitCodes.success : exitCodes.failure;
}

function summaryOf({ matched, replayed, skipped, failed }: ReplayCounts, dryRun: boolean): string {
  const did = dryRun ? "would be replayed" : "replayed";
  const first = `${matched} found: ${replayed} ${did}, ${skipped} replayed before, ${failed.length} cannot be replayed`;
  return [first, ...failed.map(({ id, error }) => `  ${id}  ${error.code}: ${plain(error.message)}`)].join(
    "\n",
  );
}

function checkUsage(id: string | undefined, { all, input, dryRun, ...flags }: ReplayFlags): void {
  if (id === undefined && all !== true) throw misused("id", "name a job, or give --all", "no job is named");
  if (id === undefined && input !== undefined)
    throw misused("input", "replay them one by one, or use the SDK", "--input is for one job");
  if (id === undefined) return;
  if (all === true)
    throw misused("all", "leave out the one or the other", "an id and --all exclude each other");
  const filters = Object.keys(deadFilter(flags)).filter((name) => name !== "queue");
  if (dryRun === true || filters.length > 0)
    throw misused(filters[0] ?? "dry-run", "leave out the id and give --all", "this option is for --all");
}

function misused(field: string, hint: string, message: string): LovageError {
  return new LovageError("USAGE", message, { field, hint });
}
