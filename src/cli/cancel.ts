import type { Command } from "commander";
import type { QueueName } from "../task/definition.ts";
import { queueOption } from "./arguments.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Run } from "./run.ts";

/** `lovage cancel`: cancels a job wherever it is. */
export function addCancelCommand(program: Command, run: Run): void {
  program
    .command("cancel")
    .description("cancel a job, waiting or running; its Ray job is stopped")
    .argument("<id>", "the job's id")
    .option("--reason <text>", "why; kept with the job", "cancelled from the command line")
    .addOption(queueOption())
    .option("--json", "print one JSON document: id and outcome")
    .addHelpText(
      "after",
      `
The outcome is cancelled (it had not started), cancelling (its worker stops it now) or ended
(it was too late: exit code 1).

Example:
  lovage cancel my-job --reason "wrong dataset"`,
    )
    .action((id: string, { reason, queue }: { reason: string; queue?: QueueName }) =>
      run(async ({ client, screen }) => {
        const job = await client().get(id, queue && { queue });
        const outcome = await job.cancel(reason);
        const texts = {
          cancelled: `job ${id} was cancelled before it started`,
          cancelling: `job ${id} is being stopped by its worker; see lovage status ${id}`,
          ended: `job ${id} had ended already; nothing was done`,
        };
        screen.answer({ id, outcome }, () => texts[outcome]);
        return outcome === "ended" ? exitCodes.failure : exitCodes.success;
      }),
    );
}
