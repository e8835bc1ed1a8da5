import type { Command } from "commander";
import { healthPortOption, whole } from "./arguments.ts";
import type { CliDoors, DashboardCommandOptions } from "./doors.ts";
import type { Run } from "./run.ts";

/** `lovage dashboard`: pages and the HTTP API, until it is told to stop. */
export function addDashboardCommand(program: Command, run: Run, doors: CliDoors): void {
  program
    .command("dashboard")
    .description("serve the dashboard and the HTTP API")
    .option("--host <address>", "the address to listen on (default: DASHBOARD_HOST)")
    .option("--port <n>", "the port (default: DASHBOARD_PORT)", whole(1, 65_535))
    .addOption(healthPortOption())
    .action((options: DashboardCommandOptions) => run(() => doors.runDashboard(options)));
}
