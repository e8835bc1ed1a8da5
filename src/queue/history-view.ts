import type { QueueName } from "../task/definition.ts";

export const historySpans = ["hour", "day", "week"] as const;
export type HistorySpan = (typeof historySpans)[number];

export interface HistoryQuery {
  /** How far back. Default "hour". */
  span?: HistorySpan;
  /** Default: all. */
  queue?: QueueName;
  task?: string;
}

/** Milliseconds below which so much of the jobs stayed; null where there was none. */
export interface Quantiles {
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

/** What happened within one step of time. */
export interface HistoryPoint {
  /** The step's beginning. */
  at: Date;
  completed: number;
  failed: number;
  retried: number;
  cancelled: number;
  expired: number;
  /** From enqueued, or its time, to taken. */
  wait: Quantiles;
  /** From taken to the attempt's end. */
  run: Quantiles;
  /** The greatest in the step; null where nobody looked. Not by task. */
  waiting: number | null;
  /** Age of the oldest waiting job, in milliseconds. */
  backlogAge: number | null;
}

/** What happened, step by step, the oldest first. */
export interface History {
  /** Milliseconds of a step. */
  step: number;
  points: HistoryPoint[];
}
