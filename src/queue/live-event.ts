import { parseJson } from "../core/json.ts";
import { type Progress, toProgress } from "../core/progress.ts";
import type { StreamEntry } from "./event-reader.ts";

/** Where a reader of events was, to go on from there: `since`. Says nothing to anybody else. */
export type EventCursor = string;

interface Happening {
  /** The job's id. */
  id: string;
  /** Undefined where the job was removed before anybody could look. */
  task: string | undefined;
  queue: string;
  /** When it happened, by Redis' clock. */
  at: Date;
  cursor: EventCursor;
}

/** Why a job ended without a result; `snapshot()` has the whole error. */
interface Ending {
  code: string;
  message: string;
}

type Change =
  | { type: "enqueued" }
  | { type: "waiting" }
  /** It waits for its time; again when a limit put it off. */
  | { type: "scheduled"; until: Date }
  /** An attempt failed, and the next one waits for its time. */
  | { type: "retrying"; until: Date }
  | { type: "active" }
  | { type: "progress"; progress: Progress }
  | { type: "waiting-children" }
  /** Its worker fell silent; another takes it over. */
  | { type: "stalled" }
  | { type: "completed"; output: unknown }
  | { type: "failed" | "cancelled" | "expired"; error: Ending }
  | { type: "removed" };

/** What happened to a job. */
export type JobChange = Happening & Change;

/** What happened, as it is told live. A `gap`: events before this one are no longer kept, so some may be missing. */
export type LiveEvent = JobChange | { type: "gap"; queue: string; at: Date; cursor: EventCursor };

/** What the entry alone does not say. */
export interface EntryFacts {
  task: string | undefined;
  /** Whether an attempt of the job failed already. */
  failedBefore: boolean;
}

/** Of an entry that says that a job waits for its time, whether it says so for the first time must be looked up. */
export function needsLook({ fields }: StreamEntry, previous: StreamEntry | undefined): boolean {
  if (fields["event"] !== "delayed") return false;
  // BullMQ writes both in one step when a job is made.
  return !(previous?.fields["event"] === "added" && previous.fields["jobId"] === fields["jobId"]);
}

/** The change that an entry tells of; undefined for what is about the queue or BullMQ's own. */
export function toChange({ id, fields }: StreamEntry, { failedBefore }: EntryFacts): Change | undefined {
  const until = new Date(Number(fields["delay"]));
  switch (fields["event"]) {
    case "added":
      return { type: "enqueued" };
    case "waiting":
    case "active":
    case "waiting-children":
    case "stalled":
    case "removed":
      return { type: fields["event"] };
    case "delayed":
      return { type: failedBefore ? "retrying" : "scheduled", until: isMoment(until) ? until : timeOf(id) };
    case "progress":
      return { type: "progress", progress: toProgress(parseJson(fields["data"] ?? "")) };
    case "completed":
      return { type: "completed", output: parseJson(fields["returnvalue"] ?? "") };
    case "failed":
      return toFailure(fields["failedReason"] ?? "");
    default:
      return undefined;
  }
}

/** The time at which an entry was written. */
export function timeOf(position: string): Date {
  return new Date(Number(position.split("-")[0]));
}

/** Others may have written the entry. */
function isMoment(date: Date): boolean {
  return !Number.isNaN(date.getTime());
}

/** The worker writes the code in front of the reason; BullMQ's own reasons have none. */
function toFailure(reason: string): Change {
  if (reason.includes("stalled more than allowable limit"))
    return { type: "failed", error: { code: "JOB_STALLED", message: reason } };
  const [, code = "JOB_FAILED", message = reason] = /^([A-Z][A-Z0-9_]+): (.*)$/s.exec(reason) ?? [];
  const type = code === "JOB_CANCELLED" ? "cancelled" : code === "JOB_EXPIRED" ? "expired" : "failed";
  return { type, error: { code, message } };
}
