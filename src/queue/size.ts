import { LovageError } from "../core/errors.ts";

/**
 * Refuses a value that is too large as JSON, counted in bytes.
 * @throws LovageError `DATA_TOO_LARGE` over `most`, `INPUT_INVALID` where JSON cannot hold the value
 */
export function checkSize(value: unknown, field: string, most: number, hint: string): void {
  const text = toJson(value, field) ?? "";
  // No character has more than three bytes a unit, so that most need no count. Browsers have no Buffer.
  if (text.length * 3 <= most) return;
  const size = new TextEncoder().encode(text).byteLength;
  if (size <= most) return;
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
