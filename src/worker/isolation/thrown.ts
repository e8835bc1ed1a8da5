import { describeError, type ErrorRecord, LovageError, toLovageError } from "../../core/errors.ts";
import { RetryRequest } from "../../task/retry.ts";

/** Anything thrown, on its way to another process. */
export interface ThrownRecord {
  record: ErrorRecord;
  /** The name of an error that is not Lovage's. */
  foreign?: string;
  /** Set for a wish to be run again; null leaves the delay to the policy. */
  retryDelay?: number | null;
}

export function packThrown(thrown: unknown): ThrownRecord {
  const record = toLovageError(thrown).toRecord();
  if (thrown instanceof RetryRequest) return { record, retryDelay: thrown.delay ?? null };
  if (thrown instanceof LovageError || !(thrown instanceof Error)) return { record };
  const { cause } = thrown;
  return {
    record: { ...record, ...(cause !== undefined && { cause: describeError(cause) }) },
    foreign: thrown.name,
  };
}

/** The error as the task threw it, except for its class and what hung on it. */
export function unpackThrown({ record, foreign, retryDelay }: ThrownRecord): Error {
  if (retryDelay !== undefined) {
    const { message: reason, cause } = record;
    return withStack(
      new RetryRequest({ reason, cause, ...(retryDelay !== null && { delay: retryDelay }) }),
      record,
    );
  }
  if (foreign === undefined) return LovageError.fromRecord(record);
  const { message, code, retryable, hint, cause } = record;
  const error = new Error(message, cause === undefined ? {} : { cause });
  error.name = foreign;
  // Errors that carry a code and say whether another attempt helps are believed, as in the worker itself.
  if (code !== "JOB_FAILED") Object.assign(error, { code, retryable, hint });
  return withStack(error, record);
}

function withStack<E extends Error>(error: E, { stack }: ErrorRecord): E {
  if (stack !== undefined) error.stack = stack;
  return error;
}
