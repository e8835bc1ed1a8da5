import { LovageError } from "../core/errors.ts";
import type { CliDoors } from "./doors.ts";

/**
 * Asks a person; anything but y or yes is no.
 * @throws LovageError `USAGE` where nobody can be asked
 */
export async function confirm(
  question: string,
  { stdin, stderr }: Pick<CliDoors, "stdin" | "stderr">,
  json: boolean,
): Promise<boolean> {
  if (stdin.isTTY !== true || json) {
    throw new LovageError("USAGE", `${question} Nobody can be asked here`, { hint: "say --yes" });
  }
  stderr.write(`${question} [y/N] `);
  for await (const line of stdin) return /^y(es)?$/i.test(String(line).trim());
  return false;
}
