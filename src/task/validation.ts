import type * as z from "zod";
import { type ErrorCode, LovageError } from "../core/errors.ts";

/**
 * Checks a value against a schema.
 * @throws LovageError with the given code, naming every field at fault and, for the first, its value
 */
export function validate<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  code: ErrorCode,
  subject: string,
): z.output<Schema> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const [first] = result.error.issues;
  const faults = result.error.issues.map(
    (issue) => `${issue.path.join(".") || "(the whole)"}: ${issue.message}`,
  );
  throw new LovageError(code, `${subject}: ${faults.join("; ")}`, {
    field: first?.path.join(".") || undefined,
    value: first?.input,
  });
}
