import type { Command } from "commander";
import { cpuCounts, port, whole } from "./arguments.ts";
import type { CliDoors, DevCommandOptions } from "./doors.ts";
import type { Run } from "./run.ts";

/** `lovage dev`: everything on one machine. */
export function addDevCommand(program: Command, run: Run, doors: CliDoors): void {
  program
    .command("dev")
    .description("run Redis, Ray, the workers, the scheduler and the dashboard on this machine")
    .option("--ray-nodes <n>", "nodes of the local Ray cluster (default: 1)", whole(1, 64))
    .option(
      "--ray-cpus <n,…>",
      "CPUs of each node, or of each in turn (default: this machine's, shared; of nine nodes 25 in all)",
      cpuCounts,
    )
    .option("--redis-port <port>", "port of Redis (default: 6380)", port)
    .option("--ray-port <port>", "port of Ray's dashboard and Jobs API (default: 8265)", port)
    .option("--ray-base-port <port>", "first of Ray's other ports (default: 20800)", port)
    .option("--dashboard-port <port>", "port of the dashboard (default: 5555)", port)
    .addHelpText(
      "after",
      `
Ctrl-C stops everything.

Examples:
  lovage dev
  lovage dev --ray-nodes 3 --ray-cpus 2
  lovage dev --ray-nodes 9                     (the size of the production cluster)
  lovage dev --redis-port 6390 --ray-port 8275`,
    )
    .action((options: DevCommandOptions) => run(() => doors.runDev(options)));
}
