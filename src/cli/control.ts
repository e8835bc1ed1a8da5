import type { Command } from "commander";
import { addCancelMany, addPurge } from "./control-jobs.ts";
import { addLimits } from "./control-limits.ts";
import { addForget, addQueueCommands, addShutdown } from "./control-workers.ts";
import type { CliDoors } from "./doors.ts";
import type { Run } from "./run.ts";

/** `lovage control`: changes what workers and queues do. */
export function addControlCommands(program: Command, run: Run, doors: CliDoors): void {
  const control = program
    .command("control")
    .description("change what workers and queues do")
    .addHelpText(
      "after",
      `
What is said to workers (concurrency, pause --worker, add-queue, remove-queue) holds until they are started again.
Limits, and the pause of a queue, are kept in Redis. Exit code 1 when a live worker did not answer.

Examples:
  lovage control cancel --tag nightly --state waiting --dry-run
  lovage control rate-limit tasks.data_tasks.process_new_data 10/m
  lovage control concurrency 8 --queue data --worker data@big-machine
  lovage control pause ml`,
    );
  addCancelMany(control, run);
  addLimits(control, run);
  addQueueCommands(control, run);
  addShutdown(control, run);
  addForget(control, run);
  addPurge(control, run, doors);
}
