import { LovageError } from "../core/errors.ts";

/** How much of a faulty input is shown on each side of the fault. */
const around = 30;

/**
 * Reads JSON that a person typed.
 * @throws LovageError `USAGE`, showing the place of the fault
 */
export function parseInput(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const said = (error as SyntaxError).message;
    const at = faultPosition(text, said);
    const reason = said.replace(
      / in JSON at position.*| after JSON at position.*|, ".* is not valid JSON$/s,
      "",
    );
    const lines = text.slice(0, at).split("\n");
    const place = `line ${lines.length}, column ${(lines.at(-1) ?? "").length + 1}`;
    throw new LovageError("USAGE", `the input is not JSON: ${reason} at ${place}${excerpt(text, at)}`, {
      field: "input",
      hint: `quote it for the shell, such as '{"dataset": "a.csv"}', or give - and pipe it in`,
    });
  }
}

/** All of a stream as text. */
export async function readAll(stream: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  // Joined before they are decoded: a character may lie across two chunks.
  for await (const chunk of stream) chunks.push(Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk)));
  return Buffer.concat(chunks).toString("utf8");
}

/** V8 leaves the position out of some of its messages; all it says then is the token. */
function faultPosition(text: string, said: string): number {
  const told = /at position (\d+)/.exec(said)?.[1];
  if (told !== undefined) return Number(told);
  if (!said.startsWith("Unexpected token")) return text.length;
  // The shortest beginning that is wrong in the same way ends with the faulty token.
  let least = 0;
  let most = text.length;
  while (least < most) {
    const middle = (least + most) >> 1;
    if (failsEarly(text.slice(0, middle))) most = middle;
    else least = middle + 1;
  }
  return Math.max(0, least - 1);
}

/** Whether a beginning is wrong whatever follows: V8 names the token only when it met one that cannot stand there. */
function failsEarly(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return false;
  } catch (error) {
    return (error as SyntaxError).message.startsWith("Unexpected token");
  }
}

function excerpt(text: string, at: number): string {
  const start = Math.max(text.lastIndexOf("\n", at - 1) + 1, at - around);
  const end = text.indexOf("\n", at);
  const line = text.slice(start, Math.min(end === -1 ? text.length : end, at + around));
  return line.trim() === "" ? "" : `\n  ${line}\n  ${" ".repeat(at - start)}^`;
}
