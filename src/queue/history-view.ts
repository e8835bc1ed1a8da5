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

/**
 * Milliseconds below which so much of the jobs stayed, within 9.1 % of the exact figure (half a millisecond below 1 ms);
 * null where there was none.
 */
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
  /** From enqueued, or its time, to taken for the first time. */
  wait: Quantiles;
  /** From taken to the attempt's end, of attempts that completed or failed. */
  run: Quantiles;
  /**
   * The greatest in the step; null where nobody looked, and by task. Of several queues their greatest are added up, which may
   * be more than there ever were at once.
   */
  waiting: number | null;
  /** Age of the oldest waiting job, in milliseconds. */
  backlogAge: number | null;
}

/** What happened, step by step, the oldest first. */
export interface History {
  /** Milliseconds of a step. */
  step: number;
  /** The last step has not ended. */
  points: HistoryPoint[];
  /** The whole span in one: its quantiles are not to be had from those of the steps. `waiting` is the greatest of the steps'. */
  total: Omit<HistoryPoint, "at">;
}
