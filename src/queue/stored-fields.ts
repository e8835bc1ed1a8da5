import type { ErrorRecord } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import type { History } from "../task/workflow-run.ts";
import type { RayJobRecord, ReplayRecord } from "./snapshot.ts";

/** The fields of job hashes, read as what they should be. Others may have written them: what is something else is left out. */

/** A moment in milliseconds since 1970. */
export function storedMoment(text: string | null | undefined): Date | undefined {
  if (text === undefined || text === null || text === "") return undefined;
  const moment = new Date(Number(text));
  return Number.isNaN(moment.getTime()) ? undefined : moment;
}

export function storedNumber(text: string | null | undefined): number {
  const number = Number(text ?? 0);
  return Number.isFinite(number) ? number : 0;
}

/** Deeper values cannot be shown, and what reads them by calling itself has no end of its own. */
const maxDepth = 500;

/** A JSON value to be shown; what is too deep, a note that it is. */
function storedJson(text: string): unknown {
  if (text.length > maxDepth && isDeeper(text)) return { input: tooDeep };
  return parseJson(text);
}

const tooDeep = "(nested too deeply to be shown)";

function isDeeper(text: string): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (quoted && character === backslash) at += 1;
    else if (character === quote) quoted = !quoted;
    else if (quoted) continue;
    else if (character === bracket || character === brace) depth += 1;
    else if (character === bracket + 2 || character === brace + 2) depth -= 1;
    if (depth > maxDepth) return true;
  }
  return false;
}

const [quote, backslash, bracket, brace] = [34, 92, 91, 123];

/** A job's input, and what was said with it. */
export function storedCall(text: string | null | undefined): {
  input: unknown;
  meta: Record<string, unknown>;
} {
  const data = storedJson(text ?? "");
  if (!isRecord(data)) return { input: undefined, meta: {} };
  return { input: data["input"], meta: isRecord(data["meta"]) ? data["meta"] : {} };
}

export function storedTags({ tags }: { tags?: unknown }): string[] {
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [];
}

/** How many attempts a job has, by its options. */
export function storedAttempts(text: string | null | undefined): number {
  const options = parseJson(text ?? "");
  const attempts = isRecord(options) ? options["attempts"] : undefined;
  return typeof attempts === "number" && attempts > 0 ? attempts : 1;
}

export function storedHistory(text: string | null | undefined): History | undefined {
  const found = parseJson(text ?? "");
  if (!isRecord(found)) return undefined;
  const { calls, batches, checkpoint, startedAt } = found;
  const fits =
    Array.isArray(calls) &&
    calls.every((call) => typeof call === "string") &&
    Array.isArray(batches) &&
    (checkpoint === undefined || (isRecord(checkpoint) && typeof checkpoint["place"] === "number")) &&
    storedMoment(String(startedAt)) !== undefined;
  return fits ? (found as unknown as History) : undefined;
}

export function storedRayJob(text: string | null | undefined): RayJobRecord | undefined {
  const found = parseJson(text ?? "");
  if (!isRecord(found) || typeof found["submissionId"] !== "string") return undefined;
  return typeof found["attempt"] === "number" && typeof found["sessionName"] === "string"
    ? (found as unknown as RayJobRecord)
    : undefined;
}

/** Which Ray job a job began last, however little is known of it besides: it may still have to be stopped. */
export function storedSubmission(
  text: string | null | undefined,
): { submissionId: string; cluster?: string } | undefined {
  const found = parseJson(text ?? "");
  if (!isRecord(found) || typeof found["submissionId"] !== "string") return undefined;
  const { submissionId, cluster } = found;
  return typeof cluster === "string" ? { submissionId, cluster } : { submissionId };
}

export function storedReplay(text: string | null | undefined): ReplayRecord | undefined {
  const found = parseJson(text ?? "");
  return isRecord(found) && typeof found["id"] === "string" ? (found as unknown as ReplayRecord) : undefined;
}

export function storedError(text: string | null | undefined): ErrorRecord | undefined {
  const found = parseJson(text ?? "");
  if (!isRecord(found)) return undefined;
  const { code, message } = found;
  if (typeof code !== "string" || typeof message !== "string") return undefined;
  const record: ErrorRecord = { code, message, retryable: found["retryable"] === true };
  for (const field of ["field", "value", "hint", "stack", "cause"] as const) {
    const value = found[field];
    if (typeof value === "string") record[field] = value;
  }
  return record;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
