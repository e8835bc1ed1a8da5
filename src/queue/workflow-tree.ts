import { LovageError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import type { JobState } from "../core/states.ts";
import { type CallOutcome, stepMark } from "../task/workflow-run.ts";
import type { Broker } from "./broker.ts";
import { callId } from "./call-id.ts";
import { jobFields } from "./keys.ts";
import { type JobSnapshot, readSnapshot } from "./snapshot.ts";
import { storedHistory } from "./stored-fields.ts";

/** A workflow or one of its calls, with what it called in turn. */
export interface WorkflowNode {
  /** What was called: a task's name, "sleep" or "step". */
  kind: "task" | "sleep" | "step";
  /** The task's name, how many milliseconds it sleeps, or the step's name. */
  name: string;
  id: string;
  queue: string;
  state: JobState;
  attempt: number;
  attempts: number;
  /** Undefined where retention has removed the job, and of steps. */
  enqueuedAt: Date | undefined;
  startedAt: Date | undefined;
  endedAt: Date | undefined;
  error: { code: string; message: string } | undefined;
  /** In the order in which they were made, the first so many of them. */
  calls: WorkflowNode[];
  /** How many calls were made in all, and how many of them by how they stand. */
  counts: { calls: number; completed: number; failed: number; pending: number };
}

export interface TreeOptions {
  /** So many calls of each workflow are read. Default 100. */
  maxCalls?: number;
}

/** Workflows in workflows deeper than this are not followed. */
const maxDepth = 20;

const noCounts = { calls: 0, completed: 0, failed: 0, pending: 0 };

/** @throws LovageError `JOB_NOT_FOUND` */
export async function readWorkflowTree(
  broker: Broker,
  queue: string,
  id: string,
  { maxCalls = 100 }: TreeOptions = {},
): Promise<WorkflowNode> {
  return readNode({ broker, maxCalls }, await readSnapshot(broker, queue, id), 1);
}

interface Reading {
  broker: Broker;
  maxCalls: number;
}

async function readNode(reading: Reading, snapshot: JobSnapshot, depth: number): Promise<WorkflowNode> {
  const { id, queue, task: name, state, attempt, attempts, enqueuedAt, startedAt, endedAt, error } = snapshot;
  const inner =
    depth > maxDepth ? { calls: [], counts: noCounts } : await readCalls(reading, snapshot, depth);
  const told = error && { code: error.code, message: error.message };
  const times = { enqueuedAt, startedAt, endedAt };
  return { kind: "task", name, id, queue, state, attempt, attempts, ...times, error: told, ...inner };
}

/** Where the jobs of a workflow's calls are, by id, and how they stand as far as the workflow itself knows. */
type Known = ReadonlyMap<string, { queue: string; state: JobState }>;

async function readCalls(
  reading: Reading,
  { queue, id }: JobSnapshot,
  depth: number,
): Promise<Pick<WorkflowNode, "calls" | "counts">> {
  const { redis, keys } = reading.broker;
  const key = keys.job(queue, id);
  const [hash, pending, completed, failed] = await Promise.all([
    redis.hgetall(key),
    redis.smembers(`${key}:dependencies`),
    redis.hkeys(`${key}:processed`),
    redis.hkeys(`${key}:failed`),
  ]);
  const history = storedHistory(hash[jobFields.history]);
  if (history === undefined) return { calls: [], counts: noCounts };
  const located = (children: readonly string[], state: JobState) =>
    children.map((child) => {
      const place = keys.placeOf(child);
      return [place.id, { queue: place.queue, state }] as const;
    });
  const known: Known = new Map([
    ...located(pending, "waiting"),
    ...located(completed, "completed"),
    ...located(failed, "failed"),
  ]);
  const calls = await Promise.all(
    history.calls.slice(0, reading.maxCalls).map((fingerprint, place) => {
      const step = fingerprint.startsWith(stepMark) ? fingerprint.slice(stepMark.length) : undefined;
      const bare = bareNode(callId(keys, id, place), known);
      return step === undefined
        ? readCall(reading, fingerprint, bare, depth)
        : stepNode({ ...bare, kind: "step", name: step }, hash[`${jobFields.step}${place}`]);
    }),
  );
  return {
    calls,
    counts: {
      calls: history.calls.length,
      completed: completed.length,
      failed: failed.length,
      pending: pending.length,
    },
  };
}

/** What is known of a call without its job. */
function bareNode(id: string, known: Known): WorkflowNode {
  const { queue = "", state = "waiting" } = known.get(id) ?? {};
  const times = { enqueuedAt: undefined, startedAt: undefined, endedAt: undefined };
  const rest = { attempt: 0, attempts: 1, error: undefined, calls: [], counts: noCounts };
  return { kind: "task", name: "", id, queue, state, ...times, ...rest };
}

async function readCall(
  reading: Reading,
  fingerprint: string,
  bare: WorkflowNode,
  depth: number,
): Promise<WorkflowNode> {
  const [, name = fingerprint, detail = ""] = /^(.*)\(([^()]*)\)$/s.exec(fingerprint) ?? [];
  const own = name === "sleep" ? { kind: "sleep" as const, name: detail } : { kind: "task" as const, name };
  if (bare.queue === "") return { ...bare, ...own };
  try {
    const snapshot = await readSnapshot(reading.broker, bare.queue, bare.id);
    return { ...(await readNode(reading, snapshot, depth + 1)), ...own };
  } catch (error) {
    // Retention has removed it; how it ended the workflow still knows.
    if (error instanceof LovageError && error.code === "JOB_NOT_FOUND") return { ...bare, ...own };
    throw error;
  }
}

function stepNode(bare: WorkflowNode, outcome: string | undefined): WorkflowNode {
  if (outcome === undefined) return { ...bare, state: "active" };
  const ended = parseJson(outcome) as CallOutcome;
  if (!("error" in ended)) return { ...bare, state: "completed" };
  return { ...bare, state: "failed", error: { code: ended.error.code, message: ended.error.message } };
}
