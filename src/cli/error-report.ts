import { stripVTControlCharacters } from "node:util";
import type { Colors } from "picocolors/types.js";
import { LovageError, toLovageError } from "../core/errors.ts";

/** What `--json` prints of an error. */
export interface ErrorDocument {
  /** The job it is about, where one was made or named. */
  id?: string;
  error: { code: string; message: string; field?: string; hint?: string };
}

/** Hints for errors of rooms that know nothing of the command line. */
const hints: Record<string, string> = {
  API_UNAVAILABLE: "is the dashboard up, and LOVAGE_URL right?",
  RAY_UNAVAILABLE: "is the cluster up, and RAY_ADDRESS right? `lovage dev` starts one on this machine",
  RAY_TIMEOUT: "the cluster is slow or unreachable; RAY_ADDRESS names it",
  RAY_UNAUTHORIZED: "set RAY_AUTH_TOKEN to the cluster's token",
  CATALOGUE_EMPTY: "start a worker (`lovage worker`) or all on one machine (`lovage dev`)",
  WAIT_TIMEOUT: "`lovage result ID` waits again, `lovage cancel ID` stops the job",
};

/** Any thrown value with a code; one without is a fault of Lovage itself. */
export function toCoded(thrown: unknown): LovageError {
  const error = toLovageError(thrown);
  if (error === thrown || error.code !== "JOB_FAILED") return error;
  return new LovageError("UNEXPECTED", error.message, {
    cause: thrown,
    hint: "this is a fault of Lovage itself; please report it with the command that led to it",
  });
}

export function errorDocument(error: LovageError, id?: string): ErrorDocument {
  const record: ErrorDocument["error"] = { code: error.code, message: error.message };
  if (error.field !== undefined) record.field = error.field;
  const hint = hintOf(error, id);
  if (hint !== undefined) record.hint = hint;
  return id === undefined ? { error: record } : { id, error: record };
}

/** The error for a person: one line of what, one of what to do, and the stack where nobody foresaw it. */
export function errorText(error: LovageError, colors: Colors, id?: string): string {
  const lines = [`${colors.red("error")} ${colors.bold(error.code)}: ${plain(error.message)}`];
  const hint = hintOf(error, id);
  if (hint !== undefined) lines.push(`${colors.dim("hint:")} ${plain(hint)}`);
  if (error.code === "UNEXPECTED" && error.cause instanceof Error && error.cause.stack !== undefined) {
    lines.push(colors.dim(error.cause.stack));
  }
  return lines.join("\n");
}

/** Text of foreign origin without the escapes by which it could move the cursor or change colours. */
export function plain(text: string): string {
  return stripVTControlCharacters(text);
}

function hintOf(error: LovageError, id: string | undefined): string | undefined {
  // The client's words for a timeout speak of calls; a person has commands.
  const hint = error.code === "WAIT_TIMEOUT" ? hints["WAIT_TIMEOUT"] : (error.hint ?? hints[error.code]);
  return id === undefined ? hint : hint?.replaceAll(" ID", ` ${id}`);
}
