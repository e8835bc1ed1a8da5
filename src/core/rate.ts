import { toMilliseconds } from "./durations.ts";
import { LovageError } from "./errors.ts";

/** So many in a length of time: "10/m", "100/30s", "5/2h". */
export interface Rate {
  count: number;
  /** Milliseconds. */
  per: number;
}

/** @throws LovageError `INPUT_INVALID` when the text is no rate */
export function parseRate(text: string, field = "rateLimit"): Rate {
  const [, count = "", length = "", unit = ""] = /^([1-9]\d*)\/(\d*)(s|m|h|d)$/.exec(text) ?? [];
  if (count === "") {
    throw new LovageError("INPUT_INVALID", `${field} is not a rate: ${JSON.stringify(text)}`, {
      field,
      value: text,
      hint: 'write it as "10/s", "10/m", "100/30s" or "5/2h"',
    });
  }
  return { count: Number(count), per: toMilliseconds(`${length || "1"}${unit}`, field) };
}
