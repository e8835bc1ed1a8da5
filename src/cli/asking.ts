import type { Command } from "commander";
import type { Answers, AskOptions } from "../client/index.ts";
import { duration, workerName } from "./arguments.ts";
import { plain } from "./error-report.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Screen } from "./screen.ts";

/** The options of every command that asks workers. */
export interface AskFlags {
  worker?: string[];
  timeout: string;
}

const defaultTimeout = "1s";

/** Adds `--worker`, `--timeout` and `--json`. */
export function asking(command: Command): Command {
  return command
    .option(
      "--worker <name>",
      "ask this worker only; may be given several times (default: all)",
      (name: string, others: string[] = []) => [...others, workerName(name)],
    )
    .option("--timeout <duration>", "how long to wait for answers", duration, defaultTimeout)
    .option("--json", "print one JSON document: answers, refusals, silent, dead");
}

export function askOptions({ worker, timeout }: AskFlags): AskOptions {
  return { timeout, ...(worker && { workers: worker }) };
}

/** Prints what workers answered, and names those that did not; the exit code says whether all live ones did. */
export function reportAnswers<Answer>(
  screen: Screen,
  { worker: named, timeout }: AskFlags,
  asked: Answers<Answer>,
  text: (answers: Answers<Answer>["answers"]) => string,
): number {
  const { answers, refusals, silent, dead } = asked;
  if (screen.json) screen.answer(asked, () => "");
  else if (answers.length > 0) screen.answer(asked, () => text(answers));
  for (const { worker, error } of refusals) {
    screen.note(`${worker} refused: ${error.code}: ${plain(error.message)}`);
  }
  for (const worker of silent) screen.note(`${worker} did not answer within ${timeout}`);
  for (const worker of dead) {
    screen.note(`${worker} is dead: no beat for ten seconds; lovage control forget ${worker} drops it`);
  }
  const none = answers.length + refusals.length + silent.length === 0;
  if (none && dead.length === 0) screen.note("no worker is alive; start one with: lovage worker");
  const missed = refusals.length + silent.length + (named === undefined ? 0 : dead.length);
  return missed > 0 || none ? exitCodes.failure : exitCodes.success;
}
