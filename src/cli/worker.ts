import type { Command } from "commander";
import { queueNames } from "../task/definition.ts";
import { healthPortOption, queues, whole, workerName } from "./arguments.ts";
import type { CliDoors, WorkerCommandOptions } from "./doors.ts";
import type { Run } from "./run.ts";

/** `lovage worker`: takes jobs and runs their tasks until it is told to stop. */
export function addWorkerCommand(program: Command, run: Run, doors: CliDoors): void {
  program
    .command("worker")
    .description("take jobs and run their tasks")
    .option(
      "--queues <names>",
      `queues to take jobs from, separated by commas: ${queueNames.join(", ")} (default: WORKER_QUEUES)`,
      queues,
    )
    .option(
      "--concurrency <n>",
      "jobs at once for each queue (default: ML_, DATA_, DEFAULT_CONCURRENCY)",
      whole(1, 1000),
    )
    .option("--name <name>", "the worker's name (default: its queues and the host's name)", workerName)
    .addOption(healthPortOption())
    .addHelpText(
      "after",
      `
The first TERM or Ctrl-C lets running jobs finish within a deadline; a second one stops at once.

Examples:
  lovage worker --queues ml --concurrency 2
  lovage worker --queues data,default --name data@big-machine`,
    )
    .action((options: WorkerCommandOptions) => run(() => doors.runWorker(options)));
}
