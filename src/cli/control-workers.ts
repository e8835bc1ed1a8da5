import type { Command } from "commander";
import type { ServedQueue } from "../client/index.ts";
import { LovageError } from "../core/errors.ts";
import type { QueueName } from "../task/definition.ts";
import { queue, whole, workerName } from "./arguments.ts";
import { type AskFlags, asking, askOptions, reportAnswers } from "./asking.ts";
import { exitCodes } from "./exit-codes.ts";
import { queuesText } from "./inspect-tables.ts";
import type { Run } from "./run.ts";
import type { Screen } from "./screen.ts";
import { renderTable } from "./table.ts";

/** `lovage control concurrency`, `pause`, `resume`, `add-queue`, `remove-queue`: what workers take, and how much. */
export function addQueueCommands(control: Command, run: Run): void {
  const served = (answers: readonly { worker: string; answer: ServedQueue[] }[], screen: Screen) =>
    renderTable(
      screen,
      [{ head: "worker" }, { head: "queues", wraps: true }],
      answers.map(({ worker, answer }) => [worker, queuesText(answer)]),
    );

  asking(control.command("concurrency"))
    .description("set how many jobs workers run at once, of each queue or of one")
    .argument("<n>", "slots", whole(1, 1000))
    .option("--queue <name>", "only of this queue", queue)
    .action((count: number, flags: AskFlags & { queue?: QueueName }) =>
      run(async ({ client, screen }) => {
        const options = { ...askOptions(flags), ...(flags.queue && { queue: flags.queue }) };
        const asked = await client().control.concurrency(count, options);
        return reportAnswers(screen, flags, asked, (answers) => served(answers, screen));
      }),
    );

  for (const verb of ["pause", "resume"] as const) {
    const what = verb === "pause" ? "take no more jobs" : "take jobs again";
    asking(control.command(verb))
      .description(`${what}: of a queue for all workers, or by the workers named`)
      .argument("[queue]", "a queue; with --worker only that worker's part of it", queue)
      .action((of: QueueName | undefined, flags: AskFlags) =>
        run(async ({ client, screen }) => {
          const { control: door } = client();
          if (flags.worker !== undefined) {
            const options = { ...askOptions(flags), ...(of && { queue: of }) };
            const asked = await door[verb === "pause" ? "pauseWorkers" : "resumeWorkers"](options);
            return reportAnswers(screen, flags, asked, (answers) => served(answers, screen));
          }
          if (of === undefined) {
            throw new LovageError("USAGE", `nothing says what to ${verb}`, {
              hint: `name a queue (lovage control ${verb} ml), or workers with --worker`,
            });
          }
          await door[verb === "pause" ? "pauseQueue" : "resumeQueue"](of);
          const text = verb === "pause" ? "is paused; running jobs go on" : "goes on";
          screen.answer({ queue: of, paused: verb === "pause" }, () => `queue ${of} ${text}`);
          return exitCodes.success;
        }),
      );
  }

  asking(control.command("add-queue"))
    .description("let workers take jobs of a further queue")
    .argument("<queue>", "a queue", queue)
    .option("--concurrency <n>", "slots (default: what the worker's configuration says)", whole(1, 1000))
    .action((name: QueueName, flags: AskFlags & { concurrency?: number }) =>
      run(async ({ client, screen }) => {
        const { concurrency } = flags;
        const options = { ...askOptions(flags), ...(concurrency !== undefined && { concurrency }) };
        const asked = await client().control.addQueue(name, options);
        return reportAnswers(screen, flags, asked, (answers) => served(answers, screen));
      }),
    );

  asking(control.command("remove-queue"))
    .description("let workers take no more jobs of a queue; running ones end, Ray jobs go to other workers")
    .argument("<queue>", "a queue", queue)
    .action((name: QueueName, flags: AskFlags) =>
      run(async ({ client, screen }) => {
        const asked = await client().control.removeQueue(name, askOptions(flags));
        return reportAnswers(screen, flags, asked, (answers) => served(answers, screen));
      }),
    );
}

/** `lovage control shutdown`. */
export function addShutdown(control: Command, run: Run): void {
  asking(control.command("shutdown"))
    .description("stop workers in good order, as TERM does")
    .option("--all", "all workers")
    .action((flags: AskFlags & { all?: boolean }) =>
      run(async ({ client, screen }) => {
        if ((flags.worker === undefined) === (flags.all !== true)) {
          throw new LovageError("USAGE", "say which workers: --worker NAME, or --all", {
            hint: "lovage inspect workers lists them",
          });
        }
        const asked = await client().control.shutdown(askOptions(flags));
        return reportAnswers(screen, flags, asked, (answers) =>
          answers.map(({ worker }) => `${worker} stops when its jobs have ended`).join("\n"),
        );
      }),
    );
}

/** `lovage control forget`. */
export function addForget(control: Command, run: Run): void {
  control
    .command("forget")
    .description("take a dead worker out of the list before its hour is over")
    .argument("<worker>", "a worker's name", workerName)
    .option("--json", "print one JSON document")
    .action((worker: string) =>
      run(async ({ client, screen }) => {
        await client().control.forget(worker);
        screen.answer({ worker, forgotten: true }, () => `${worker} is forgotten`);
        return exitCodes.success;
      }),
    );
}
