import type { Command } from "commander";
import { addDashboardCommand } from "./dashboard.ts";
import { addDevCommand } from "./dev.ts";
import type { CliDoors } from "./doors.ts";
import type { Run } from "./run.ts";
import { addSchedulerCommand } from "./scheduler.ts";
import { addWorkerCommand } from "./worker.ts";

/** The commands that run a process of Lovage until it is told to stop. */
export function addCommands(program: Command, run: Run, doors: CliDoors): void {
  addWorkerCommand(program, run, doors);
  addSchedulerCommand(program, run, doors);
  addDashboardCommand(program, run, doors);
  addDevCommand(program, run, doors);
}
