import { parseJson } from "../core/json.ts";
import type { JobState } from "../core/states.ts";
import type { QueueName } from "../task/definition.ts";
import type { Broker } from "./broker.ts";
import type { FoundJob, JobQuery } from "./found-job.ts";
import { jobFields } from "./keys.ts";
import { excerptOf } from "./queue-jobs.ts";
import { isInJson } from "./search-text.ts";
import { readError, toState } from "./snapshot.ts";
import {
  storedAttempts,
  storedCall,
  storedMoment,
  storedNumber,
  storedRayJob,
  storedTags,
} from "./stored-fields.ts";

/** A job that fits a query, with what only the search needs to know. */
export interface Match extends FoundJob {
  /** When it was put off, where it waits for its time. */
  delayedAt: number;
}

/** Where a job was found. */
export interface Find {
  queue: QueueName;
  id: string;
  /** BullMQ's state. */
  bullState: string;
  /** In a sorted set. */
  score: number | undefined;
}

const fields = [
  "name",
  "data",
  "opts",
  "timestamp",
  "delay",
  "priority",
  "processedOn",
  "finishedOn",
  "atm",
  "pb",
  "failedReason",
  jobFields.error,
  jobFields.cancel,
  jobFields.rayJob,
];

/** The jobs among those found, all in one shard, that really fit, at their places; undefined for the others. */
export async function readMatches(
  broker: Broker,
  query: JobQuery,
  finds: readonly Find[],
): Promise<(Match | undefined)[]> {
  if (finds.length === 0) return [];
  const wanted = query.text === undefined ? fields : [...fields, "returnvalue"];
  const pipeline = broker.redis.pipeline();
  for (const { queue, id } of finds) pipeline.hmget(broker.keys.job(queue, id), ...wanted);
  const answers = (await pipeline.exec()) ?? [];
  return finds.map((find, index) => {
    const values = (answers[index]?.[1] ?? []) as (string | null)[];
    const hash = Object.fromEntries(wanted.map((field, at) => [field, values[at] ?? undefined]));
    // It was removed meanwhile.
    return hash["name"] === undefined ? undefined : matchOf(find, hash, query);
  });
}

function matchOf(
  { queue, id, bullState, score }: Find,
  hash: Record<string, string | undefined>,
  query: JobQuery,
): Match | undefined {
  const failure = readError(hash);
  const state = toState(bullState, failure, hash[jobFields.cancel] !== undefined);
  const { input, meta } = storedCall(hash["data"]);
  const error = state === "completed" ? undefined : failure;
  const at = bullState === "delayed" && score !== undefined ? Math.floor(score / 0x1000) : undefined;
  const match: Match = {
    id,
    task: hash["name"] ?? "",
    queue,
    state,
    attempt: storedNumber(hash["atm"]) + (state === "active" ? 1 : 0),
    attempts: storedAttempts(hash["opts"]),
    priority: storedNumber(hash["priority"]),
    enqueuedAt: storedMoment(hash["timestamp"]) ?? new Date(0),
    startedAt: storedMoment(hash["processedOn"]) ?? null,
    endedAt: storedMoment(hash["finishedOn"]) ?? null,
    at: at === undefined || state !== "scheduled" ? null : (storedMoment(String(at)) ?? null),
    worker: hash["pb"] ?? null,
    tags: storedTags(meta),
    input: excerptOf(input),
    error: error === undefined ? null : { code: error.code, message: error.message },
    rayJob: storedRayJob(hash[jobFields.rayJob])?.submissionId ?? null,
    delayedAt: at === undefined ? 0 : at - storedNumber(hash["delay"]),
  };
  const searched = () => [
    input,
    state === "completed" ? parseJson(hash["returnvalue"] ?? "") : undefined,
    error,
  ];
  return fits(match, query, searched) ? match : undefined;
}

function fits(job: FoundJob, query: JobQuery, searched: () => unknown[]): boolean {
  const { task, tasks, queue, states, tag, code, worker, since, until, id, text } = query;
  return (
    (states === undefined || states.includes(job.state as JobState)) &&
    (task === undefined || task === job.task) &&
    (tasks === undefined || tasks.includes(job.task)) &&
    (queue === undefined || queue === job.queue) &&
    (tag === undefined || job.tags.includes(tag)) &&
    (code === undefined || code === job.error?.code) &&
    (worker === undefined || worker === job.worker) &&
    (since === undefined || job.enqueuedAt >= since) &&
    (until === undefined || job.enqueuedAt < until) &&
    (id === undefined || job.id.startsWith(id)) &&
    (text === undefined || searched().some((value) => isInJson(text, value)))
  );
}
