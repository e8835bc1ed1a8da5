import type { Duration } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import { suggestion } from "../core/suggestion.ts";
import type { Continuation } from "./codec.ts";
import type { QueueName } from "./definition.ts";

/** What a call may ask for besides its input, wherever it is made. */
export interface CallOptions {
  /** Not before so long from now. */
  delay?: Duration;
  /** Not started later than so long from now; the job's state is then `expired`. */
  expires?: Duration;
  /** 0 (the default, first of all) to 9 (last). */
  priority?: number;
  /** Another queue than the task's own. */
  queue?: QueueName;
  /** Attempts in all. Default: the task's own. */
  attempts?: number;
  /** Wait before the second attempt, doubled each time up to `maxBackoff`. Default: the task's own. */
  backoff?: Duration;
  /** Default "10m", or `backoff` where that is longer. */
  maxBackoff?: Duration;
  /** Instead of the task's own; see `softTimeLimit` of a task's definition. */
  softTimeLimit?: Duration;
  /** Instead of the task's own; see `timeLimit` of a task's definition. */
  timeLimit?: Duration;
  /** The Ray cluster that a Ray task's program runs on, instead of its task's: a name of `RAY_CLUSTERS`, or "default". */
  rayCluster?: string;
  /** Up to 20 words to find the job by, of up to 100 characters. */
  tags?: readonly string[];
  /** Kept with the job for whoever looks at it; up to 16 KiB of JSON. */
  metadata?: Readonly<Record<string, unknown>>;
  /** A task to call next with this job's result. */
  onSuccess?: Continuation;
  /** A task to call next when this job failed for good or expired: `{ id, task, queue, error: { code, message } }`. */
  onFailure?: Continuation;
}

export const callOptionNames = {
  delay: true,
  expires: true,
  priority: true,
  queue: true,
  attempts: true,
  backoff: true,
  maxBackoff: true,
  softTimeLimit: true,
  timeLimit: true,
  rayCluster: true,
  tags: true,
  metadata: true,
  onSuccess: true,
  onFailure: true,
} satisfies Record<keyof CallOptions, true>;

/** @throws LovageError `INPUT_INVALID` for an option that is none of those named, with the nearest that is */
export function refuseUnknown(options: object, names: Readonly<Record<string, true>>): void {
  for (const name in options) {
    if (Object.hasOwn(names, name)) continue;
    const near = suggestion(name, Object.keys(names));
    throw new LovageError("INPUT_INVALID", `there is no option ${JSON.stringify(name)} of this call`, {
      field: name,
      hint: near === undefined ? `there are: ${Object.keys(names).join(", ")}` : `did you mean ${near}?`,
    });
  }
}
