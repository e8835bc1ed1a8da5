import { InvalidArgumentError, Option } from "commander";
import { toMilliseconds } from "../core/durations.ts";
import { suggestion } from "../core/suggestion.ts";
import { isWorkerName, workerNameRule } from "../core/worker-name.ts";
import { type QueueName, queueNames } from "../task/definition.ts";

/** Reads a whole number within bounds. */
export function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It takes a whole number from ${least} to ${most}.`);
  };
}

/** Reads the CPUs of nodes: one number, or one for each, separated by commas. */
export function cpuCounts(text: string): number[] {
  return text.split(",").map(whole(1, 1024));
}

/** Reads a TCP port. */
export const port = whole(1, 65_535);

/** The option of the commands that run a process. */
export function healthPortOption(): Option {
  return new Option(
    "--health-port <n>",
    "where to answer /livez, /readyz and /metrics (default: HEALTH_PORT; without it nowhere)",
  ).argParser(port);
}

/** Checks a duration before anything is sent; the client reads it again. */
export function duration(text: string): string {
  try {
    toMilliseconds(text);
    return text;
  } catch {
    throw new InvalidArgumentError('Write it as "30s", "15m", "2h" or "1d".');
  }
}

/** Reads a worker's name. */
export function workerName(text: string): string {
  if (isWorkerName(text)) return text;
  throw new InvalidArgumentError(`It takes ${workerNameRule}.`);
}

/** Reads queues, separated by commas. */
export function queues(text: string): QueueName[] {
  return [...new Set(text.split(",").map((part) => queue(part.trim())))];
}

/** Reads a queue. */
export function queue(name: string): QueueName {
  const known = queueNames.find((candidate) => candidate === name);
  if (known !== undefined) return known;
  const near = suggestion(name, queueNames);
  const meant = near === undefined ? "" : ` Did you mean ${near}?`;
  throw new InvalidArgumentError(
    `There is no queue ${JSON.stringify(name)}; the queues are ${queueNames.join(", ")}.${meant}`,
  );
}

/** The option of the commands that look at one job. */
export function queueOption(): Option {
  return new Option("--queue <name>", "the job's queue, where several have a job of this id").argParser(
    queue,
  );
}
