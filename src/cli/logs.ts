import type { Command } from "commander";
import type { QueueName } from "../task/definition.ts";
import { queueOption } from "./arguments.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Run } from "./run.ts";

/** `lovage logs`: the lines of a job's log. */
export function addLogsCommand(program: Command, run: Run): void {
  program
    .command("logs")
    .description("print a job's log")
    .argument("<id>", "the job's id")
    .option("--follow", "go on until the job ends")
    .addOption(queueOption())
    .option("--json", "print one JSON document, at the end")
    .addHelpText(
      "after",
      `
A job keeps the last lines of its log; a Ray job's output is among them.

Examples:
  lovage logs my-job
  lovage logs my-job --follow | grep loss`,
    )
    .action((id: string, { follow = false, queue }: { follow?: boolean; queue?: QueueName }) =>
      run(async ({ client, screen, onInterrupt }) => {
        const job = await client().get(id, queue && { queue });
        if (follow) onInterrupt(() => ({ message: `interrupted; job ${id} goes on` }));
        const lines: string[] = [];
        let count = 0;
        for await (const line of job.logs({ follow })) {
          count += 1;
          if (screen.json) lines.push(line);
          else screen.line(line);
        }
        if (screen.json) screen.answer({ id, lines }, () => "");
        else if (count === 0) screen.note(`the log of job ${id} is empty; its state is ${await job.state()}`);
        return exitCodes.success;
      }),
    );
}
