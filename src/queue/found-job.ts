import type { JobState } from "../core/states.ts";
import type { QueueName } from "../task/definition.ts";

/** Which jobs are searched for; all that is given must hold. */
export interface JobQuery {
  /** The beginning of a job's id, or the whole. */
  id?: string;
  task?: string;
  /** Of one of these tasks. */
  tasks?: readonly string[];
  queue?: QueueName;
  /** Default: every state. */
  states?: readonly JobState[];
  tag?: string;
  /** The code of the job's error. */
  code?: string;
  /** Name of the worker that took it last. */
  worker?: string;
  /** Enqueued at or after this moment. */
  since?: Date;
  /** Enqueued before this moment. */
  until?: Date;
  /** Text in the input, the result or the error, whatever its case. */
  text?: string;
}

/** A job in the answer to a search. */
export interface FoundJob {
  id: string;
  task: string;
  queue: QueueName;
  state: JobState;
  attempt: number;
  attempts: number;
  priority: number;
  enqueuedAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
  /** When it may start; null unless it is scheduled. */
  at: Date | null;
  worker: string | null;
  tags: readonly string[];
  /** The beginning of its input, as JSON. */
  input: string;
  error: { code: string; message: string } | null;
  /** The submission id of its Ray job. */
  rayJob: string | null;
}

/**
 * A part of the answer to a search. A search looks at a bounded number of jobs at a time, so a part may hold few jobs, or
 * none, and still not be the last.
 */
export interface JobPage {
  jobs: FoundJob[];
  /** Where the search goes on; null when all was looked at. */
  cursor: string | null;
  /** How many jobs were looked at so far, and how many there are to look at, about. */
  looked: number;
  total: number;
}
