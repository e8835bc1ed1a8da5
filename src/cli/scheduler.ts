import type { Command } from "commander";
import { healthPortOption } from "./arguments.ts";
import type { CliDoors, SchedulerCommandOptions } from "./doors.ts";
import type { Run } from "./run.ts";

/** `lovage scheduler`: calls tasks at their times, and keeps Redis tidy, until it is told to stop. */
export function addSchedulerCommand(program: Command, run: Run, doors: CliDoors): void {
  program
    .command("scheduler")
    .description("call tasks at their times; any number may run, one acts")
    .addOption(healthPortOption())
    .action((options: SchedulerCommandOptions) => run(() => doors.runScheduler(options)));
}
