import type { Command } from "commander";
import { LovageError } from "../core/errors.ts";
import { duration, whole } from "./arguments.ts";
import type { CliDoors } from "./doors.ts";
import { moment } from "./enqueue-flags.ts";
import { exitCodes } from "./exit-codes.ts";
import { parseInput, readAll } from "./json-input.ts";
import { formatMoment } from "./moments.ts";
import type { Run } from "./run.ts";
import { listBackfill, listSchedules, renderSchedule } from "./schedule-tables.ts";
import { addMakeCommands } from "./schedules-make.ts";
import { waitForJob } from "./wait.ts";

const oneDocument = "print one JSON document";

/** `lovage schedules`: when tasks are called by themselves. */
export function addSchedulesCommands(program: Command, run: Run, doors: CliDoors): void {
  const schedules = program
    .command("schedules")
    .description("list, pause, run and make schedules")
    .addHelpText(
      "after",
      `
Schedules that are declared with a task are changed in its definition; those made here are changed here.
A scheduler must run for any to fire: lovage scheduler.

Examples:
  lovage schedules
  lovage schedules pause tasks.ml_tasks.retrain_models --note "disk is full"
  lovage schedules backfill tasks.data_tasks.process_new_data --from 2027-01-30 --to 2027-01-31 --dry-run`,
    );

  schedules
    .command("list", { isDefault: true })
    .description("list all of them (the default)")
    .option("--json", oneDocument)
    .action(() =>
      run(async ({ client, screen }) => {
        const found = await client().schedules.list();
        screen.answer({ schedules: found }, () => listSchedules(found, screen));
        if (found.length === 0)
          screen.note("start a scheduler (lovage scheduler), and what tasks declare is here");
        return exitCodes.success;
      }),
    );

  schedules
    .command("show")
    .description("show all of a schedule")
    .argument("<name>", "a schedule's name")
    .option("--json", oneDocument)
    .action((name: string) =>
      run(async ({ client, screen }) => {
        const schedule = await client().schedules.get(name);
        screen.answer(schedule, () => renderSchedule(schedule, screen));
        return exitCodes.success;
      }),
    );

  schedules
    .command("next")
    .description("show a schedule's next times")
    .argument("<name>", "a schedule's name")
    .option("-n, --count <n>", "how many", whole(1, 1000), 5)
    .option("--json", oneDocument)
    .action((name: string, { count }: { count: number }) =>
      run(async ({ client, screen }) => {
        const times = await client().schedules.next(name, count);
        screen.answer({ name, times }, () =>
          times.length === 0 ? "no more" : times.map(formatMoment).join("\n"),
        );
        return exitCodes.success;
      }),
    );

  schedules
    .command("pause")
    .description("let a schedule fire no more until it is resumed")
    .argument("<name>", "a schedule's name")
    .option("--note <text>", "why; kept with the schedule")
    .option("--json", oneDocument)
    .action((name: string, { note }: { note?: string }) =>
      run(async ({ client, screen }) => {
        const schedule = await client().schedules.pause(name, note === undefined ? {} : { note });
        screen.answer(
          schedule,
          () => `${name} is paused; lovage schedules resume ${name} lets it fire again`,
        );
        return exitCodes.success;
      }),
    );

  schedules
    .command("resume")
    .description("let a paused schedule fire again; what passed meanwhile is not made up for")
    .argument("<name>", "a schedule's name")
    .option("--json", oneDocument)
    .action((name: string) =>
      run(async ({ client, screen }) => {
        const schedule = await client().schedules.resume(name);
        const { next } = schedule;
        const when = next === null ? "but has no time to come" : `next at ${formatMoment(next)}`;
        screen.answer(schedule, () => `${name} fires again, ${when}`);
        return exitCodes.success;
      }),
    );

  addRun(schedules, run, doors);
  addBackfill(schedules, run);
  addMakeCommands(schedules, run, doors);
}

function addRun(schedules: Command, run: Run, doors: CliDoors): void {
  interface Flags {
    input?: string;
    wait?: boolean;
    timeout?: string;
  }
  schedules
    .command("run")
    .description("call a schedule's task now, whatever its times, its overlap policy or a pause say")
    .argument("<name>", "a schedule's name")
    .option("--input <json>", "another input, or - to read it from standard input")
    .option("--wait", "wait for the result and show progress")
    .option("--timeout <duration>", "how long to wait at most (default: 1h)", duration)
    .option("--json", oneDocument)
    .action((name: string, { input: text, wait = false, timeout }: Flags) =>
      run(async (call) => {
        if (timeout !== undefined && !wait) {
          throw new LovageError("USAGE", "--timeout says how long to wait, so it needs --wait", {
            field: "timeout",
            hint: "add --wait",
          });
        }
        const given =
          text === undefined ? {} : { input: parseInput(text === "-" ? await readAll(doors.stdin) : text) };
        const job = await call.client().schedules.run(name, given);
        if (wait) return waitForJob(job, timeout ?? "1h", call, doors);
        const { id, task, queue } = job;
        call.screen.answer({ id, task, queue, schedule: name }, () => id);
        call.screen.note(`enqueued ${task} in queue ${queue}; see lovage status ${id}`);
        return exitCodes.success;
      }),
    );
}

function addBackfill(schedules: Command, run: Run): void {
  interface Flags {
    from: string;
    to: string;
    dryRun?: boolean;
  }
  schedules
    .command("backfill")
    .description("make the jobs for the times of a range that has passed, at most 1000")
    .argument("<name>", "a schedule's name")
    .requiredOption("--from <moment>", "the first time that counts: 2027-01-31T08:00:00Z", moment)
    .requiredOption("--to <moment>", "the last time that counts", moment)
    .option("--dry-run", "only list the times")
    .option("--json", oneDocument)
    .addHelpText("after", "\nA time whose job is still there gets no second one, so it may be repeated.")
    .action((name: string, { from, to, dryRun = false }: Flags) =>
      run(async ({ client, screen }) => {
        const times = await client().schedules.backfill(name, { from, to, dryRun });
        screen.answer({ name, dryRun, times }, () => listBackfill(times, dryRun, screen));
        return exitCodes.success;
      }),
    );
}
