/** The names of keys. BullMQ's own layout is `prefix:queue:…`; ours stand beside it. */
export interface Keys {
  readonly prefix: string;
  job(queue: string, id: string): string;
  lock(queue: string, id: string): string;
  logs(queue: string, id: string): string;
  /** Hash: task name → manifest. */
  readonly manifests: string;
  memory(task: string, key: string): string;
  /** Set of the submission ids of Ray jobs that must stop. */
  readonly rayStops: string;
  /** What the keys of a task's concurrency limit begin with. */
  slots(task: string): string;
  /** Sorted set: who waits for a task's rate limit. */
  rateLine(task: string): string;
  /** What the counters of all rate limits begin with. */
  readonly rates: string;
  /** Channel on which cancellations are announced. */
  readonly cancellations: string;
}

export function createKeys(prefix: string): Keys {
  return {
    prefix,
    job: (queue, id) => `${prefix}:${queue}:${id}`,
    lock: (queue, id) => `${prefix}:${queue}:${id}:lock`,
    logs: (queue, id) => `${prefix}:${queue}:${id}:logs`,
    manifests: `${prefix}:tasks`,
    memory: (task, key) => `${prefix}:memory:${task}:${key}`,
    rayStops: `${prefix}:ray-stops`,
    slots: (task) => `${prefix}:concurrency:${task}`,
    rateLine: (task) => `${prefix}:rate-line:${task}`,
    rates: `${prefix}:rate`,
    cancellations: `${prefix}:cancellations`,
  };
}

/** Fields that Lovage adds to BullMQ's hash of a job, so that they live and go with it. */
export const jobFields = {
  /** JSON of the cancellation: reason and time. */
  cancel: "lovage:cancel",
  /** JSON of the last attempt's ErrorRecord. */
  error: "lovage:error",
  /** JSON of the attempt's Ray job. */
  rayJob: "lovage:ray",
  /** How far the Ray job's log is mirrored: the submission id and a number of characters. */
  logCursor: "lovage:log-cursor",
  /** How many lines were ever written to the job's log, trimmed ones included. */
  logLines: "lovage:log-lines",
} as const;
