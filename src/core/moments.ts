import { type Duration, toMilliseconds } from "./durations.ts";
import { LovageError } from "./errors.ts";

/**
 * A moment that was given as such, as ISO 8601, or as how long ago: "1h".
 * @throws LovageError `INPUT_INVALID`
 */
export function toMoment(moment: Date | Duration, field: string): Date {
  const time = moment instanceof Date ? moment : readText(moment, field);
  if (!Number.isNaN(time.getTime())) return time;
  throw new LovageError("INPUT_INVALID", `${field} is no moment`, {
    field,
    value: String(moment),
    hint: 'use a Date, or how long ago: "1h"',
  });
}

function readText(moment: Duration, field: string): Date {
  // A year in front: no duration begins so.
  if (typeof moment === "string" && /^\d{4}-\d{2}/.test(moment)) return new Date(moment);
  return new Date(Date.now() - toMilliseconds(moment, field));
}
