import { describeError, LovageError } from "../../core/errors.ts";

/** Errors that say nothing of what was asked for: the API, or Redis behind it, is away for a while. */
const awayCodes = new Set(["API_UNAVAILABLE", "REDIS_UNAVAILABLE", "RATE_LIMITED"]);

/** Whether who waits should go on waiting. */
export function isAway(error: unknown): error is LovageError {
  return error instanceof LovageError && awayCodes.has(error.code);
}

export function unavailable(address: string, why: unknown, hint?: string): LovageError {
  const what = typeof why === "string" ? why : describeError(why);
  return new LovageError("API_UNAVAILABLE", `the API at ${address} did not answer: ${what}`, {
    cause: why instanceof Error ? why : undefined,
    hint,
  });
}
