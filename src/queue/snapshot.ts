import type { ErrorRecord } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { type Progress, toProgress } from "../core/progress.ts";
import type { JobState } from "../core/states.ts";
import { type Broker, jobNotFound } from "./broker.ts";
import { jobFields } from "./keys.ts";
import {
  storedAttempts,
  storedCall,
  storedError,
  storedHistory,
  storedMoment,
  storedNumber,
  storedRayJob,
  storedReplay,
  storedTags,
} from "./stored-fields.ts";

/** A job's Ray job, as far as readers care; the Ray room writes it. */
export interface RayJobRecord {
  submissionId: string;
  /** The attempt it was submitted for. */
  attempt: number;
  /** The cluster's session when it was submitted. */
  sessionName: string;
}

/** How a dead job remembers what was made of it: see `lovageClaimReplay`. */
export interface ReplayRecord {
  /** How many replays there were. */
  n: number;
  id: string;
  queue: string;
  /** Fingerprint of the input. */
  hash: string;
  added?: boolean;
}

/** All that is known of a job at one moment. */
export interface JobSnapshot {
  id: string;
  task: string;
  queue: string;
  state: JobState;
  /** Attempts begun so far; the current one included. */
  attempt: number;
  attempts: number;
  progress: Progress | undefined;
  enqueuedAt: Date;
  /** When the present or last attempt was taken; of a workflow, when it was taken first. */
  startedAt: Date | undefined;
  endedAt: Date | undefined;
  /** Name of the worker that took it last. */
  worker: string | undefined;
  input: unknown;
  /** Present when completed; undefined for a job with `ignoreResult`. */
  output: unknown;
  /** Why the last attempt failed; also set while a next attempt waits. */
  error: ErrorRecord | undefined;
  /** Set from the moment somebody asked to cancel. */
  cancelRequested: boolean;
  rayJob: RayJobRecord | undefined;
  tags: readonly string[];
  metadata: Readonly<Record<string, unknown>>;
  /** The dead job that this one was made from. */
  replayOf: string | undefined;
  /** The job that this dead one was made into, the last time. */
  replayedBy: string | undefined;
  /** How many calls a workflow has made so far; undefined of other jobs, and of a workflow that made none yet. */
  calls: number | undefined;
}

/** @throws LovageError `JOB_NOT_FOUND` */
export async function readSnapshot(broker: Broker, queue: string, id: string): Promise<JobSnapshot> {
  // The state is read first: a job that ends in between then shows too old a state, never an end without its result.
  const bullState = await broker.queueAt(queue, id).getJobState(id);
  const hash = await broker.redis.hgetall(broker.keys.job(queue, id));
  if (hash["name"] === undefined) throw jobNotFound(id);
  return toSnapshot({ queue, id }, bullState, hash);
}

/** The snapshot that a job's hash holds; others may have written it, so nothing in it is taken for granted. */
export function toSnapshot(
  { queue, id }: { queue: string; id: string },
  bullState: string,
  hash: Record<string, string>,
): JobSnapshot {
  const history = storedHistory(hash[jobFields.history]);
  const { input, meta } = storedCall(hash["data"]);
  const replay = storedReplay(hash[jobFields.replay]);
  const error = readError(hash);
  const cancelRequested = hash[jobFields.cancel] !== undefined;
  const state = toState(bullState, error, cancelRequested);
  const made = storedNumber(hash["atm"]);
  const result = state === "completed" && meta["ignoreResult"] !== true;
  return {
    id,
    task: hash["name"] ?? "",
    queue,
    state,
    attempt: state === "active" ? made + 1 : made,
    attempts: storedAttempts(hash["opts"]),
    progress:
      hash["progress"] === undefined || hash["progress"] === "0"
        ? undefined
        : toProgress(parse(hash["progress"])),
    enqueuedAt: storedMoment(hash["timestamp"]) ?? new Date(0),
    // A workflow is taken again and again; it started when it was taken first.
    startedAt: history === undefined ? storedMoment(hash["processedOn"]) : new Date(history.startedAt),
    endedAt: storedMoment(hash["finishedOn"]),
    worker: hash["pb"],
    input,
    output: result ? parse(hash["returnvalue"]) : undefined,
    error: state === "completed" ? undefined : error,
    cancelRequested,
    rayJob: storedRayJob(hash[jobFields.rayJob]),
    tags: storedTags(meta),
    metadata: isRecord(meta["metadata"]) ? meta["metadata"] : {},
    replayOf: typeof meta["replayOf"] === "string" ? meta["replayOf"] : undefined,
    replayedBy: replay?.added === true ? replay.id : undefined,
    calls: history?.calls.length,
  };
}

/**
 * Whether the job has ended or was told to: a small question for who only waits.
 * @throws LovageError `JOB_NOT_FOUND`
 */
export async function isOver(broker: Broker, queue: string, id: string): Promise<boolean> {
  const key = broker.keys.job(queue, id);
  const [name, finishedOn, cancel] = await broker.redis.hmget(key, "name", "finishedOn", jobFields.cancel);
  if (typeof name !== "string") throw jobNotFound(id);
  return typeof finishedOn === "string" || typeof cancel === "string";
}

/** Why a job failed, from the fields of its hash. */
export function readError(hash: Record<string, string | undefined>): ErrorRecord | undefined {
  const record = storedError(hash[jobFields.error]);
  const reason = hash["failedReason"];
  // BullMQ itself fails a job whose workers died too often; it knows no codes.
  if (reason?.includes("stalled more than allowable limit")) {
    return {
      code: "JOB_STALLED",
      message: "the job's workers died too often while running it",
      retryable: false,
    };
  }
  if (record !== undefined || reason === undefined || reason === "") return record;
  return { code: "JOB_FAILED", message: reason, retryable: false };
}

/** A job's state, from BullMQ's and what Lovage noted with it. */
export function toState(
  bullState: string,
  error: ErrorRecord | undefined,
  cancelRequested: boolean,
): JobState {
  switch (bullState) {
    case "active":
    case "completed":
      return bullState;
    case "failed":
      if (error?.code === "JOB_CANCELLED") return "cancelled";
      return error?.code === "JOB_EXPIRED" ? "expired" : "failed";
    default:
      if (cancelRequested) return "cancelled";
      if (bullState === "delayed") return "scheduled";
      return bullState === "waiting-children" ? "waiting-children" : "waiting";
  }
}

/** What is no JSON is shown as it is. */
function parse(text: string | undefined): unknown {
  const value = text === undefined ? undefined : parseJson(text);
  return value === undefined ? text : value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
