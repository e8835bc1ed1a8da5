import { type Command, InvalidArgumentError, Option } from "commander";
import type { DeadLetterFilter, DeadState } from "../client/index.ts";
import type { QueueName } from "../task/definition.ts";
import { duration, queue } from "./arguments.ts";

/** Which dead letters a command is about. */
export interface DeadFlags {
  queue?: QueueName;
  task?: string;
  code?: string;
  tag?: string;
  state?: DeadState[];
  since?: string;
  until?: string;
}

const states = ["failed", "cancelled", "expired"] as const;

export function addDeadFlags(command: Command): Command {
  return command
    .addOption(new Option("--queue <name>", "only of this queue").argParser(queue))
    .option("--task <task>", "only of this task")
    .option("--code <code>", "only with this error code")
    .option("--tag <tag>", "only with this tag")
    .option("--state <state>", "failed (default), cancelled or expired; may be given again", readState)
    .option("--since <duration>", "ended so long ago at most", duration)
    .option("--until <duration>", "ended so long ago at least", duration);
}

export function deadFilter({ queue, task, code, tag, state, since, until }: DeadFlags): DeadLetterFilter {
  return {
    ...(queue !== undefined && { queue }),
    ...(task !== undefined && { task }),
    ...(code !== undefined && { code }),
    ...(tag !== undefined && { tag }),
    ...(state !== undefined && { states: state }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  };
}

function readState(text: string, before: DeadState[] = []): DeadState[] {
  const state = states.find((candidate) => candidate === text);
  if (state !== undefined) return [...before, state];
  throw new InvalidArgumentError(`It takes one of ${states.join(", ")}.`);
}
