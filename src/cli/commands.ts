import type { Command } from "commander";
import { addCancelCommand } from "./cancel.ts";
import { addConfigCommand } from "./config.ts";
import { addControlCommands } from "./control.ts";
import { addDeadCommands } from "./dead.ts";
import type { CliDoors } from "./doors.ts";
import { addEnqueueCommand } from "./enqueue.ts";
import { addEventsCommand } from "./events.ts";
import { addInspectCommands } from "./inspect.ts";
import { addJobsCommand } from "./jobs.ts";
import { addKeyCommands } from "./keys.ts";
import { addLogsCommand } from "./logs.ts";
import { addCommands as addProcessCommands } from "./process-commands.ts";
import { addRayCommands } from "./ray.ts";
import { addResultCommand } from "./result.ts";
import type { Run } from "./run.ts";
import { addSchedulesCommands } from "./schedules.ts";
import { addSmokeCommand } from "./smoke.ts";
import { addStatusCommand } from "./status.ts";
import { addTasksCommand } from "./tasks.ts";
import { addTopCommand } from "./top.ts";
import { addUsersCommands } from "./users.ts";
import { addWorkflowCommand } from "./workflow.ts";

/** All commands. */
export function addCommands(program: Command, run: Run, doors: CliDoors): void {
  addProcessCommands(program, run, doors);
  addEnqueueCommand(program, run, doors);
  addStatusCommand(program, run);
  addLogsCommand(program, run);
  addResultCommand(program, run, doors);
  addCancelCommand(program, run);
  addEventsCommand(program, run);
  addJobsCommand(program, run, doors);
  addDeadCommands(program, run, doors);
  addWorkflowCommand(program, run);
  addTasksCommand(program, run);
  addSchedulesCommands(program, run, doors);
  addInspectCommands(program, run);
  addControlCommands(program, run, doors);
  addTopCommand(program, run, doors);
  addSmokeCommand(program, run, doors);
  addRayCommands(program, run, doors);
  addKeyCommands(program, run, doors);
  addUsersCommands(program, run, doors);
  addConfigCommand(program, run, doors);
}
