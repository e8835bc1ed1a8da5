import type { Command } from "commander";
import type { CliDoors } from "./doors.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Run } from "./run.ts";

/** `lovage config`: whether the processes would start here, and with what. */
export function addConfigCommand(program: Command, run: Run, doors: CliDoors): void {
  program
    .command("config")
    .description("check the configuration and the tasks as a process would at its start, and print them")
    .option("--json", "print one JSON document")
    .action(() =>
      run(async ({ screen }) => {
        const { config, tasks } = await doors.tryOut();
        screen.answer({ version: doors.version, tasks, config }, () =>
          [
            `lovage ${doors.version}: the configuration is valid, ${tasks.length} tasks`,
            ...lines(config),
          ].join("\n"),
        );
        return exitCodes.success;
      }),
    );
}

/** Nested settings as lines `redis.host = "127.0.0.1"`. */
function lines(settings: object, path = ""): string[] {
  return Object.entries(settings).flatMap(([name, value]) => {
    const place = path === "" ? name : `${path}.${name}`;
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? lines(value, place)
      : [`  ${place} = ${JSON.stringify(value)}`];
  });
}
