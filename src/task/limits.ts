import { type Duration, toMilliseconds } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import { parseRate, type Rate } from "../core/rate.ts";

/** How long an attempt may take, in milliseconds. */
export interface TimeLimits {
  soft?: number;
  hard?: number;
}

/** How long a task's attempts may take, and how many of them may run. */
export interface TaskLimits extends TimeLimits {
  rate?: Rate;
  concurrency?: {
    total?: number;
    perKey?: number;
    key?: (input: never) => string;
  };
}

/** The limits as a definition writes them. */
export interface LimitOptions<Input> {
  /** The attempt's signal is aborted after so long, with `SOFT_TIME_LIMIT_EXCEEDED`: the task may still tidy up. */
  softTimeLimit?: Duration;
  /** The attempt is ended after so long, with `TIME_LIMIT_EXCEEDED`; a Ray job is stopped. */
  timeLimit?: Duration;
  /** So many attempts may begin in a length of time, over all workers: "10/m", "100/30s". */
  rateLimit?: string;
  /** How many jobs may run at once over all workers: in all, and for each `concurrencyKey`. A number with a key is `perKey`. */
  concurrency?: number | { total?: number; perKey?: number };
  /** What the jobs that share a limit have in common, such as the model they train. */
  concurrencyKey?: (input: Input) => string;
}

/** @throws LovageError `INPUT_INVALID`, `TASK_INVALID` */
export function readLimits(options: LimitOptions<never>): TaskLimits {
  const { rateLimit, concurrency, concurrencyKey: key } = options;
  const limits: TaskLimits = readTimeLimits(options);
  if (rateLimit !== undefined) limits.rate = parseRate(rateLimit);
  if (concurrency === undefined) {
    if (key === undefined) return limits;
    throw refused(
      "concurrencyKey",
      "a function",
      "say with `concurrency` how many jobs of one key may run at once",
    );
  }
  const asked =
    typeof concurrency === "object"
      ? concurrency
      : key === undefined
        ? { total: concurrency }
        : { perKey: concurrency };
  for (const [name, value] of Object.entries(asked)) {
    if (!Number.isInteger(value) || value < 1)
      throw refused(`concurrency.${name}`, value, "use a whole number from 1 on");
  }
  if ((asked.perKey === undefined) !== (key === undefined)) {
    throw refused("concurrency", asked, "perKey and concurrencyKey belong together");
  }
  limits.concurrency = { ...asked, ...(key && { key }) };
  return limits;
}

/** @throws LovageError `INPUT_INVALID` */
export function readTimeLimits(options: { softTimeLimit?: Duration; timeLimit?: Duration }): TimeLimits {
  const limits: TimeLimits = {};
  if (options.softTimeLimit !== undefined)
    limits.soft = toMilliseconds(options.softTimeLimit, "softTimeLimit");
  if (options.timeLimit !== undefined) limits.hard = toMilliseconds(options.timeLimit, "timeLimit");
  if (limits.soft !== undefined && limits.hard !== undefined && limits.soft >= limits.hard) {
    throw new LovageError("INPUT_INVALID", "softTimeLimit is not shorter than timeLimit", {
      field: "softTimeLimit",
      value: options.softTimeLimit,
      hint: "the soft limit comes first, so that the task can tidy up before it is ended",
    });
  }
  return limits;
}

/** What a call of a Ray task with a soft time limit is refused with. */
export function deafToSoftLimit(value: unknown): LovageError {
  return new LovageError("INPUT_INVALID", "a Ray job cannot hear a soft time limit", {
    field: "softTimeLimit",
    value,
    hint: "give the call a timeLimit, at which the Ray job is stopped",
  });
}

function refused(field: string, value: unknown, hint: string): LovageError {
  return new LovageError("TASK_INVALID", `${field} is ${JSON.stringify(value)}; ${hint}`, {
    field,
    value,
    hint,
  });
}
