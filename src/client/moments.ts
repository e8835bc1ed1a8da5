import { LovageError } from "../core/errors.ts";

/** A moment as it was written. @throws LovageError `INPUT_INVALID` */
export function toMoment(field: string, moment: Date | string): Date {
  const at = new Date(moment);
  if (!Number.isNaN(at.getTime())) return at;
  throw new LovageError("INPUT_INVALID", `${field} is no moment: ${JSON.stringify(String(moment))}`, {
    field,
    value: String(moment),
    hint: 'use a Date or a text such as "2027-01-31T08:00:00Z"',
  });
}
