import { type QueueName, queueNames } from "../task/queue-names.ts";
import type { Broker, Shard } from "./broker.ts";
import { jobFields } from "./keys.ts";
import { storedCall, storedMoment, storedNumber, storedSubmission, storedTags } from "./stored-fields.ts";

/** A state in which a job has not ended. */
export const openStates = ["waiting", "scheduled", "active", "waiting-children"] as const;
export type OpenState = (typeof openStates)[number];

/** A job in a list of a queue. */
export interface ListedJob {
  id: string;
  task: string;
  queue: QueueName;
  state: OpenState;
  /** When it may start; null unless it is scheduled. */
  at: Date | null;
  enqueuedAt: Date;
  /** 0 is first. */
  priority: number;
  /** Attempts that failed so far. */
  attempts: number;
  tags: readonly string[];
  /** The beginning of its input, as JSON. */
  input: string;
  /** The submission id of the Ray job that an attempt left, if any. */
  rayJob: string | null;
}

/** BullMQ's lists of the jobs in a state, in the order in which workers take from them. */
const lists = {
  waiting: ["wait", "prioritized"],
  scheduled: ["delayed"],
  active: ["active"],
  "waiting-children": ["waiting-children"],
} as const;

/** Inputs are shown to recognise a job by. */
const inputExcerpt = 200;

export function excerptOf(input: unknown): string {
  const text = JSON.stringify(input) ?? "";
  return text.length > inputExcerpt ? `${text.slice(0, inputExcerpt)}…` : text;
}

/** How many jobs are read in one round trip. */
const page = 500;

/** The jobs of a queue in a state, next ones first. Jobs that move while it reads may be missed. */
export async function* listJobs(
  broker: Broker,
  queue: QueueName,
  state: OpenState,
): AsyncGenerator<ListedJob> {
  for (const shard of broker.shards) {
    for (const list of lists[state]) {
      // A list is read whole at first: what leaves it in between would shift the pages. An id is some forty bytes.
      const ids = await shard.queue(queue).getRanges([list], 0, -1, true);
      for (let start = 0; start < ids.length; start += page) {
        yield* await readJobs(shard, queue, state, ids.slice(start, start + page));
      }
    }
  }
}

/** The next jobs of a queue in a state. */
export async function nextJobs(
  broker: Broker,
  queue: QueueName,
  state: OpenState,
  limit: number,
): Promise<ListedJob[]> {
  const parts = await Promise.all(broker.shards.map((shard) => nextOfShard(shard, queue, state, limit)));
  if (parts.length === 1) return parts.flat();
  // Workers take from all shards: the order between them is that of age.
  const since = ({ at, enqueuedAt }: ListedJob) => (at ?? enqueuedAt).getTime();
  return parts
    .flat()
    .sort((one, other) => one.priority - other.priority || since(one) - since(other))
    .slice(0, limit);
}

async function nextOfShard(
  shard: Shard,
  queue: QueueName,
  state: OpenState,
  limit: number,
): Promise<ListedJob[]> {
  const found: ListedJob[] = [];
  for (const list of lists[state]) {
    const left = limit - found.length;
    if (left <= 0) break;
    const ids = await shard.queue(queue).getRanges([list], 0, left - 1, true);
    found.push(...(await readJobs(shard, queue, state, ids)));
  }
  return found;
}

async function readJobs(
  broker: Shard,
  queue: QueueName,
  state: OpenState,
  ids: readonly string[],
): Promise<ListedJob[]> {
  const pipeline = broker.redis.pipeline();
  const fields = ["name", "data", "timestamp", "priority", "atm", jobFields.rayJob];
  for (const id of ids) pipeline.hmget(broker.keys.job(queue, id), ...fields);
  if (state === "scheduled") {
    for (const id of ids) pipeline.zscore(broker.keys.of(queue, "delayed"), id);
  }
  const answers = (await pipeline.exec()) ?? [];
  return ids.flatMap((id, index) => {
    const hash = answers[index]?.[1] as (string | null)[] | undefined;
    const [name, data, timestamp, priority, attempts, rayJob] = hash ?? [];
    // It has been removed since.
    if (typeof name !== "string") return [];
    const { input, meta } = storedCall(data);
    const score = state === "scheduled" ? answers[ids.length + index]?.[1] : undefined;
    return {
      id,
      task: name,
      queue,
      state,
      // BullMQ keeps the time in the upper bits of the score, and an order of arrival below.
      at:
        typeof score === "string" ? (storedMoment(String(Math.floor(Number(score) / 0x1000))) ?? null) : null,
      enqueuedAt: storedMoment(timestamp) ?? new Date(0),
      priority: storedNumber(priority),
      attempts: storedNumber(attempts),
      tags: storedTags(meta),
      input: excerptOf(input),
      rayJob: storedSubmission(rayJob)?.submissionId ?? null,
    };
  });
}

/** The queues meant: one, or all. */
export function queuesOf(queue: QueueName | undefined): readonly QueueName[] {
  return queue === undefined ? queueNames : [queue];
}
