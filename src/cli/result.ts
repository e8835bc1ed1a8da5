import type { Command } from "commander";
import type { QueueName } from "../task/definition.ts";
import { duration, queueOption } from "./arguments.ts";
import type { CliDoors } from "./doors.ts";
import type { Run } from "./run.ts";
import { waitForJob } from "./wait.ts";

/** `lovage result`: waits for a job's end and prints its result. */
export function addResultCommand(program: Command, run: Run, doors: CliDoors): void {
  program
    .command("result")
    .description("wait for a job's result and print it")
    .argument("<id>", "the job's id")
    .option("--timeout <duration>", "how long to wait at most; 0 does not wait", duration, "1h")
    .addOption(queueOption())
    .option("--json", "print one JSON document: id, task, queue, state and output, or the error")
    .addHelpText(
      "after",
      `
The result alone goes to standard output, as JSON; progress goes to standard error.

Examples:
  lovage result my-job --timeout 10m
  lovage result my-job | jq .metrics`,
    )
    .action((id: string, { timeout, queue }: { timeout: string; queue?: QueueName }) =>
      run(async (call) => waitForJob(await call.client().get(id, queue && { queue }), timeout, call, doors)),
    );
}
