import ms from "ms";
import { LovageError } from "./errors.ts";

/** A length of time: "30s", "15m", "2h", "1d", or a number of milliseconds. */
export type Duration = string | number;

/**
 * Milliseconds of a duration.
 * @throws LovageError `INPUT_INVALID` when the text is no duration or it is negative or not finite.
 */
export function toMilliseconds(duration: Duration, field = "duration"): number {
  // `ms` throws on an empty text and answers undefined to any other that is none.
  const value = typeof duration === "string" && duration !== "" ? ms(duration as ms.StringValue) : duration;
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw new LovageError("INPUT_INVALID", `${field} is not a duration: ${JSON.stringify(duration)}`, {
    field,
    value: duration,
    hint: 'write it as "30s", "15m", "2h", "1d", or as a number of milliseconds',
  });
}

/** A duration for people: 1530 → "1.5s", 5_400_000 → "1h 30m". */
export function formatMilliseconds(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)}ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)}s`;
  const minutes = Math.floor(milliseconds / 60_000);
  if (minutes < 60) return `${minutes}m ${Math.floor((milliseconds % 60_000) / 1000)}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
] as const;

/** A duration as a person writes it, exactly: 3_600_000 → "1h", 90_000 → "90s". */
export function writeDuration(milliseconds: number): string {
  const unit = milliseconds > 0 ? units.find(([, length]) => milliseconds % length === 0) : undefined;
  return unit === undefined ? `${milliseconds}ms` : `${milliseconds / unit[1]}${unit[0]}`;
}
