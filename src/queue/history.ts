import * as z from "zod";
import { LovageError } from "../core/errors.ts";
import { queueNames } from "../task/definition.ts";
import type { Broker } from "./broker.ts";
import { bucketCount, quantile } from "./histogram.ts";
import { beginOf, bucketKey, resolutions, unknownTask, writeFigures } from "./history-buckets.ts";
import {
  type History,
  type HistoryPoint,
  type HistoryQuery,
  historySpans,
  type Quantiles,
} from "./history-view.ts";
import { readQueueHealth } from "./inspector.ts";

const Query = z.strictObject({
  span: z.enum(historySpans).default("hour"),
  queue: z.enum(queueNames).optional(),
  task: z.string().min(1).max(200).optional(),
});

/**
 * What happened within a span, step by step. As costly for a million jobs as for one.
 * @throws LovageError `INPUT_INVALID`
 */
export async function readHistory(broker: Broker, query: HistoryQuery = {}): Promise<History> {
  const { span, queue, task } = readQuery(query);
  const resolution = resolutions[span];
  const { step, points } = resolution;
  const last = beginOf(await readClock(broker), resolution);
  const begins = Array.from({ length: points }, (_, index) => last - (points - 1 - index) * step);
  const queues = queue === undefined ? queueNames : [queue];
  const pipeline = broker.redis.pipeline();
  for (const begin of begins) {
    for (const name of queues) pipeline.hgetall(bucketKey(broker, resolution, begin, { queue: name, task }));
  }
  const answers = (await pipeline.exec()) ?? [];
  const total = createSum();
  const steps = begins.map((begin, index): HistoryPoint => {
    const sum = createSum();
    for (const [error, fields] of answers.slice(index * queues.length, (index + 1) * queues.length)) {
      if (error !== null) throw error;
      addFields(sum, fields as Record<string, string>);
    }
    addSum(total, sum);
    return { at: new Date(begin), ...toPoint(sum) };
  });
  return { step, points: steps, total: toPoint(total) };
}

/** Notes how many jobs wait and how old the oldest is, by queue. Whoever runs may do so, however many and however often. */
export async function sampleBacklog(broker: Broker): Promise<void> {
  const [at, queues] = await Promise.all([
    readClock(broker),
    Promise.all(queueNames.map((name) => readQueueHealth(broker, name))),
  ]);
  await writeFigures(
    broker,
    "greatest",
    queues.map(({ queue, waiting, oldestMilliseconds }) => ({
      queue,
      at,
      fields: ["waiting", waiting, "backlogAge", oldestMilliseconds ?? 0],
    })),
  );
}

/** Counts jobs of a queue that expired before any worker took them, by the names of their tasks. */
export async function noteExpired(broker: Broker, queue: string, tasks: readonly string[]): Promise<void> {
  if (tasks.length === 0) return;
  const { redis, keys } = broker;
  const [at, known] = await Promise.all([readClock(broker), redis.hkeys(keys.manifests)]);
  const counts = new Map<string, number>();
  for (const task of tasks) {
    const name = known.includes(task) ? task : unknownTask;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const byTask = [...counts].map(([task, count]) => ({ queue, task, at, fields: ["expired", count] }));
  await writeFigures(broker, "add", [...byTask, { queue, at, fields: ["expired", tasks.length] }]);
}

function readQuery(query: HistoryQuery) {
  const read = Query.safeParse(query);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const field = issue?.path.join(".") || "query";
  throw new LovageError("INPUT_INVALID", `${field}: ${issue?.message}`, {
    field,
    value: (query as Record<string, unknown>)[field] ?? query,
    hint: `span is one of ${historySpans.join(", ")}; queue one of ${queueNames.join(", ")}; task a task's name`,
  });
}

/** Milliseconds since 1970 by Redis' clock, by which all workers count. */
async function readClock({ redis }: Pick<Broker, "redis">): Promise<number> {
  const [seconds, microseconds] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}

interface Sum extends Omit<HistoryPoint, "at" | "wait" | "run"> {
  wait: number[];
  run: number[];
}

function createSum(): Sum {
  const none = { completed: 0, failed: 0, retried: 0, cancelled: 0, expired: 0 };
  const empty = () => new Array<number>(bucketCount).fill(0);
  return { ...none, wait: empty(), run: empty(), waiting: null, backlogAge: null };
}

function addFields(sum: Sum, fields: Readonly<Record<string, string>>): void {
  for (const field in fields) {
    const figure = Number(fields[field]);
    if (field.startsWith("wait:")) bump(sum.wait, Number(field.slice(5)), figure);
    else if (field.startsWith("run:")) bump(sum.run, Number(field.slice(4)), figure);
    else if (field === "waiting") sum.waiting = (sum.waiting ?? 0) + figure;
    else if (field === "backlogAge") sum.backlogAge = Math.max(sum.backlogAge ?? 0, figure);
    else if (isCount(field)) sum[field] += figure;
  }
}

/** Adds what happened in a step to the whole; of the backlog the greatest counts. */
function addSum(total: Sum, step: Sum): void {
  for (const count of counts) total[count] += step[count];
  for (const times of ["wait", "run"] as const) {
    for (const [bucket, figure] of step[times].entries()) bump(total[times], bucket, figure);
  }
  for (const figure of ["waiting", "backlogAge"] as const) {
    if (step[figure] !== null) total[figure] = Math.max(total[figure] ?? 0, step[figure]);
  }
}

function bump(buckets: number[], bucket: number, by: number): void {
  buckets[bucket] = (buckets[bucket] ?? 0) + by;
}

const counts = ["completed", "failed", "retried", "cancelled", "expired"] as const;

function isCount(field: string): field is (typeof counts)[number] {
  return (counts as readonly string[]).includes(field);
}

function toPoint({ wait, run, ...counts }: Sum): Omit<HistoryPoint, "at"> {
  return { ...counts, wait: toQuantiles(wait), run: toQuantiles(run) };
}

function toQuantiles(buckets: readonly number[]): Quantiles {
  const of = (share: number) => quantile(buckets, share);
  return { p50: of(0.5), p95: of(0.95), p99: of(0.99) };
}
