import { describeError, LovageError } from "../../core/errors.ts";
import { type TlsFault, tlsHint } from "../../core/tls-faults.ts";

/** Errors that say nothing of what was asked for: the API, or Redis behind it, is away for a while. */
const awayCodes = new Set(["API_UNAVAILABLE", "REDIS_UNAVAILABLE", "RATE_LIMITED"]);

/** Whether who waits should go on waiting. */
export function isAway(error: unknown): error is LovageError {
  return error instanceof LovageError && awayCodes.has(error.code) && error.retryable;
}

export function unavailable(address: string, why: unknown, hint?: string): LovageError {
  const what = typeof why === "string" ? why : describeError(why);
  return new LovageError("API_UNAVAILABLE", `the API at ${address} did not answer: ${what}`, {
    cause: why instanceof Error ? why : undefined,
    hint,
  });
}

/** The other side is not whom it must be, so no further try is worth it. */
export function untrusted(address: string, cause: unknown, fault: TlsFault, given: boolean): LovageError {
  const plain = "write http:// instead of https://";
  const words = { whose: "the dashboard", setting: "`ca` (LOVAGE_CA_FILE)", given, plain };
  const { message } = unavailable(address, cause);
  return new LovageError("API_UNAVAILABLE", message, {
    cause,
    hint: tlsHint(fault, words),
    retryable: false,
  });
}
