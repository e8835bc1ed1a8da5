import { type Duration, toMilliseconds } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import type { RetryPolicy } from "./definition.ts";

/** A task's own wish to be run again later; see `context.retry`. */
export class RetryRequest extends LovageError {
  /** Milliseconds; undefined: what the policy says. */
  readonly delay: number | undefined;

  constructor(options: { delay?: Duration; reason?: string; cause?: unknown } = {}) {
    super("RETRY_REQUESTED", options.reason ?? "the task asked to be run again", { cause: options.cause });
    this.delay = options.delay === undefined ? undefined : toMilliseconds(options.delay, "delay");
  }
}

/** Whether another attempt makes sense: the task's policy goes before what the error says of itself. */
export function isWorthRetry(error: LovageError, policy: RetryPolicy | undefined): boolean {
  if (policy?.neverRetryOn?.includes(error.code)) return false;
  return policy?.retryOn?.includes(error.code) === true || error.retryable;
}
