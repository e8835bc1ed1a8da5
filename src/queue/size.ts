import { LovageError } from "../core/errors.ts";

/**
 * Bytes of a value as JSON.
 * @throws LovageError `DATA_TOO_LARGE` over `most`, `INPUT_INVALID` where JSON cannot hold the value
 */
export function sizeOf(value: unknown, field: string, most: number, hint: string): number {
  const size = Buffer.byteLength(toJson(value, field) ?? "");
  if (size <= most) return size;
  throw new LovageError("DATA_TOO_LARGE", `the ${field} has ${size} bytes, more than ${most}`, {
    field,
    value: size,
    hint,
  });
}

function toJson(value: unknown, field: string): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new LovageError("INPUT_INVALID", `the ${field} cannot be written as JSON`, {
      field,
      cause,
      hint: "leave out cycles and BigInts",
    });
  }
}
