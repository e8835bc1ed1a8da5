import { LovageError } from "../core/errors.ts";

/**
 * The value of JSON that a person typed into a form.
 * @throws LovageError `INPUT_INVALID` with the place of the fault
 */
export function parseField(field: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LovageError("INPUT_INVALID", `this is no JSON: ${(error as Error).message}`, {
      field,
      hint: 'texts are in double quotes, as in {"dataset": "a.csv"}',
    });
  }
}
