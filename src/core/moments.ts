import { type Duration, toMilliseconds } from "./durations.ts";
import { LovageError } from "./errors.ts";

/**
 * A moment that was given as such, as ISO 8601, or as how long ago: "1h".
 * @throws LovageError `INPUT_INVALID`
 */
export function toMoment(moment: Date | Duration, field: string): Date {
  const time = moment instanceof Date ? moment : readText(moment, field);
  return checked(time, moment, field, 'use a Date, or how long ago: "1h"');
}

/**
 * A moment that was given as such, or as ISO 8601.
 * @throws LovageError `INPUT_INVALID`
 */
export function toExactMoment(moment: Date | string, field: string): Date {
  return checked(new Date(moment), moment, field, 'use a Date or a text such as "2027-01-31T08:00:00Z"');
}

function checked(time: Date, given: unknown, field: string, hint: string): Date {
  if (!Number.isNaN(time.getTime())) return time;
  const value = String(given);
  throw new LovageError("INPUT_INVALID", `${field} is no moment: ${JSON.stringify(value)}`, {
    field,
    value,
    hint,
  });
}

function readText(moment: Duration, field: string): Date {
  // A year in front: no duration begins so.
  if (typeof moment === "string" && /^\d{4}-\d{2}/.test(moment)) return new Date(moment);
  return new Date(Date.now() - toMilliseconds(moment, field));
}
