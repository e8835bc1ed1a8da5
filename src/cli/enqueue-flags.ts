import { type Command, InvalidArgumentError } from "commander";
import type { Deduplication, EnqueueOptions } from "../client/index.ts";
import { LovageError } from "../core/errors.ts";
import { duration, queue, whole } from "./arguments.ts";
import { parseInput } from "./json-input.ts";

/** The options of a call as `lovage enqueue` reads them. */
export interface CallFlags
  extends Pick<
    EnqueueOptions,
    | "delay"
    | "at"
    | "priority"
    | "attempts"
    | "backoff"
    | "maxBackoff"
    | "queue"
    | "softTimeLimit"
    | "timeLimit"
    | "rayCluster"
    | "id"
    | "ignoreResult"
    | "confirm"
  > {
  expires?: string;
  idempotencyKey?: string;
  idempotencyLifetime?: string;
  dedupKey?: string;
  dedupMode?: NonNullable<Deduplication["mode"]>;
  dedupTtl?: string;
  tag?: string[];
  metadata?: string;
  onSuccess?: string;
  onFailure?: string;
}

const modes = ["skip", "throttle", "debounce", "keep-last"] as const;

export function addCallFlags(command: Command): Command {
  return command
    .option("--delay <duration>", "not before so long from now", duration)
    .option("--at <moment>", "not before this moment: 2027-01-31T08:00:00Z", moment)
    .option("--expires <duration>", "not started later than so long from now", duration)
    .option("--priority <0-9>", "0, the default, goes first; 9 goes last", whole(0, 9))
    .option("--queue <name>", "another queue than the task's own", queue)
    .option("--attempts <n>", "attempts in all (default: the task's own)", whole(1, 1000))
    .option("--backoff <duration>", "wait before the second attempt, doubled for each further one", duration)
    .option("--max-backoff <duration>", "the longest such wait (default: 10m)", duration)
    .option("--time-limit <duration>", "ends an attempt after so long", duration)
    .option("--soft-time-limit <duration>", "asks an attempt to end after so long", duration)
    .option("--ray-cluster <name>", "another Ray cluster than the task's own")
    .option("--id <id>", "the job's id; a job that has it already is left as it is")
    .option("--idempotency-key <key>", "the same key and input: the same job, for a day")
    .option("--idempotency-lifetime <duration>", "how long the key holds (default: 1d)", duration)
    .option("--dedup-key <key>", "meets jobs of the same task and key that have not ended")
    .option("--dedup-mode <mode>", `what happens then: ${modes.join(", ")} (default: skip)`, mode)
    .option("--dedup-ttl <duration>", "how long throttle and debounce hold", duration)
    .option("--tag <tag>", "a word to find the job by; may be given again", collect)
    .option("--metadata <json>", "an object that is kept with the job")
    .option("--on-success <task>", "a task to call next with the result")
    .option("--on-failure <task>", "a task to call next when the job failed for good")
    .option("--ignore-result", "drop the result")
    .option(
      "--confirm <where>",
      "disk, replica: succeed only when Redis has the job on its disk, or a replica has it",
      where,
    );
}

/** The flags as a call's options; what is left out stays out. */
export function readCallFlags(flags: CallFlags): EnqueueOptions {
  const { idempotencyKey, idempotencyLifetime, dedupKey, dedupMode, dedupTtl, ...rest } = flags;
  const { tag, metadata, onSuccess, onFailure, ...options } = rest;
  if (idempotencyLifetime !== undefined && idempotencyKey === undefined)
    throw needs("idempotency-lifetime", "idempotency-key");
  if (dedupKey === undefined && dedupMode !== undefined) throw needs("dedup-mode", "dedup-key");
  if (dedupKey === undefined && dedupTtl !== undefined) throw needs("dedup-ttl", "dedup-key");
  return {
    ...options,
    ...(idempotencyKey !== undefined && {
      idempotencyKey: {
        key: idempotencyKey,
        ...(idempotencyLifetime !== undefined && { lifetime: idempotencyLifetime }),
      },
    }),
    ...(dedupKey !== undefined && {
      deduplication: {
        key: dedupKey,
        ...(dedupMode !== undefined && { mode: dedupMode }),
        ...(dedupTtl !== undefined && { ttl: dedupTtl }),
      } as Deduplication,
    }),
    ...(tag !== undefined && { tags: tag }),
    ...(metadata !== undefined && { metadata: parseInput(metadata) as Record<string, unknown> }),
    ...(onSuccess !== undefined && { onSuccess: { task: onSuccess } }),
    ...(onFailure !== undefined && { onFailure: { task: onFailure } }),
  };
}

/** Reads an option that may be given several times. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** Checks a moment; the client reads it again. */
export function moment(text: string): string {
  if (!Number.isNaN(Date.parse(text))) return text;
  throw new InvalidArgumentError('Write it as "2027-01-31T08:00:00Z".');
}

function mode(text: string): string {
  if ((modes as readonly string[]).includes(text)) return text;
  throw new InvalidArgumentError(`It takes one of ${modes.join(", ")}.`);
}

function where(text: string): string {
  if (text === "disk" || text === "replica" || text === "memory") return text;
  throw new InvalidArgumentError("It takes memory, disk or replica.");
}

function needs(flag: string, other: string): LovageError {
  return new LovageError("USAGE", `--${flag} needs --${other}`, {
    field: flag,
    hint: `add --${other}, or leave --${flag} out`,
  });
}
