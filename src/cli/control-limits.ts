import type { Command } from "commander";
import type { Client } from "../client/index.ts";
import { LovageError } from "../core/errors.ts";
import type { TaskTypes } from "../task/catalogue.ts";
import { duration } from "./arguments.ts";
import { type AskFlags, asking, askOptions, reportAnswers } from "./asking.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Run } from "./run.ts";

/** `lovage control rate-limit` and `time-limit`: limits instead of those of a task's definition. */
export function addLimits(control: Command, run: Run): void {
  const told = (answers: readonly { worker: string }[]) =>
    `kept in Redis, and known to ${answers.map(({ worker }) => worker).join(", ")}`;
  const keptAnyway = "Redis keeps the limit; workers that start later read it";

  asking(control.command("rate-limit"))
    .description("limit how many attempts of a task may begin, over all workers")
    .argument("<task>", "a task's name")
    .argument("<rate>", '"10/m", "100/30s"; off: no limit; default: the definition\'s')
    .action((task: string, rate: string, flags: AskFlags) =>
      run(async ({ client, screen }) => {
        const asked = await client().control.rateLimit(task, rate, askOptions(flags));
        const code = reportAnswers(screen, flags, asked, told);
        if (code !== exitCodes.success) screen.note(keptAnyway);
        return code;
      }),
    );

  asking(control.command("time-limit"))
    .description("limit how long attempts of a task may take")
    .argument("<task>", "a task's name")
    .argument("[switch]", "off: no limit; default: the definition's")
    .option("--soft <duration>", "the task is told to stop", duration)
    .option("--hard <duration>", "the attempt is ended", duration)
    .action((task: string, word: string | undefined, flags: AskFlags & { soft?: string; hard?: string }) =>
      run(async ({ client, screen }) => {
        const { soft, hard } = flags;
        const limits = readTimeLimit(word, { ...(soft && { soft }), ...(hard && { hard }) });
        const asked = await client().control.timeLimit(task, limits, askOptions(flags));
        const code = reportAnswers(screen, flags, asked, told);
        if (code !== exitCodes.success) screen.note(keptAnyway);
        return code;
      }),
    );
}

function readTimeLimit(
  word: string | undefined,
  limits: { soft?: string; hard?: string },
): Parameters<Client<TaskTypes>["control"]["timeLimit"]>[1] {
  const given = limits.soft !== undefined || limits.hard !== undefined;
  if ((word === "off" || word === "default") && !given) return word;
  if (word === undefined && given) return limits;
  throw new LovageError("USAGE", "a time limit is --soft, --hard or both, or off, or default", {
    hint: "for instance: lovage control time-limit TASK --soft 50s --hard 1m",
  });
}
