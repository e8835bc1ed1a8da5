import type * as z from "zod";
import { Problem } from "../../contract/index.ts";
import type { Operation } from "../../contract/operation.ts";
import { LovageError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";

/** What an operation answers, by its schemas. */
export type Answer<O extends Operation> = Read<O["answer"]> | Read<O["pending"]>;
type Read<Schema> = Schema extends z.ZodType<infer Value> ? FromJson<Value> : never;
/** Of JSON a field that may be absent is never there as undefined. */
type FromJson<Value> = Value extends Date
  ? Value
  : Value extends readonly (infer Item)[]
    ? FromJson<Item>[]
    : Value extends object
      ? { [Field in keyof Value]: FromJson<Exclude<Value[Field], undefined>> }
      : Value;

/** How much of an answer that nobody understands is shown, in characters. */
const excerptLength = 200;

/**
 * The answer to a request, read by the operation's schemas.
 * @throws LovageError the problem that the API tells of; `API_UNAVAILABLE` for what is not in its words
 */
export function readAnswer(operation: Operation, address: string, response: Response, text: string): unknown {
  const { status } = response;
  // A page of somebody in between may be a good answer to its own mind.
  if (status === 204 && operation.answer === undefined) return undefined;
  const json = parseJson(text);
  const schema = status === 202 ? operation.pending : operation.answer;
  if (response.ok && schema !== undefined) {
    const answer = schema.safeDecode(json as never);
    if (answer.success) return answer.data;
    const fault = json === undefined ? text : faultsOf(answer.error);
    throw foreign(address, status, `which does not fit ${operation.path}: ${excerptOf(fault)}`);
  }
  throw readRefusal(address, status, text);
}

/** The error that an answer tells of which is none of the operation's. */
export function readRefusal(address: string, status: number, text: string): LovageError {
  const problem = Problem.safeParse(parseJson(text));
  if (!problem.success) return foreign(address, status, `and says: ${excerptOf(text)}`);
  const { code, detail, field, value, hint, retryable } = problem.data;
  return new LovageError(code, detail, { field, value, hint, retryable });
}

/** An answer that is not the API's. */
function foreign(address: string, status: number, what: string): LovageError {
  const redirects = status === 0 || (status >= 300 && status < 400);
  return new LovageError("API_UNAVAILABLE", `${address} answers with the status ${status}, ${what}`, {
    field: "url",
    value: status,
    hint: redirects
      ? "it leads elsewhere, and a key is not carried there: give the address it leads to"
      : "is this the address of a Lovage dashboard, and of the same version as this client?",
  });
}

function faultsOf({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
}

function excerptOf(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > excerptLength ? `${line.slice(0, excerptLength)}…` : line || "(nothing)";
}
