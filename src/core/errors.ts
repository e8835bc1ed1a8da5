/** Every code Lovage itself raises, whether another attempt can help, and what it means. Codes are never reused. */
export const errorCodes = {
  API_UNAVAILABLE: { retryable: true, meaning: "The HTTP API did not answer, or not in its own words." },
  CALL_UNSCRIPTED: { retryable: false, meaning: "A test's workflow made a call for which it has no result." },
  CATALOGUE_EMPTY: { retryable: false, meaning: "No worker has published its tasks in this Redis yet." },
  CHILD_LOST: { retryable: false, meaning: "A job that a workflow called is gone without a result." },
  CONFIG_INVALID: { retryable: false, meaning: "The environment or .env has faults; all are listed." },
  CSRF_INVALID: { retryable: false, meaning: "A form was sent without the token of its session." },
  DATA_TOO_LARGE: { retryable: false, meaning: "An input or a result is larger than its limit." },
  DEADLINE_EXCEEDED: { retryable: true, meaning: "A wait or a run took longer than its deadline." },
  FORBIDDEN: { retryable: false, meaning: "The role or the API key does not allow this." },
  IDEMPOTENCY_CONFLICT: { retryable: false, meaning: "The idempotency key was used with another input." },
  INPUT_INVALID: {
    retryable: false,
    meaning: "What was given does not fit the task's schema, or the call's rules.",
  },
  INTERRUPTED: { retryable: false, meaning: "Ctrl-C ended a command that waited; the job goes on." },
  ISOLATED_RUN_DIED: { retryable: true, meaning: "The process of an isolated task ended without an answer." },
  JOB_AMBIGUOUS: { retryable: false, meaning: "Several queues have a job of this id." },
  JOB_CANCELLED: { retryable: false, meaning: "Somebody cancelled the job." },
  JOB_EXPIRED: { retryable: false, meaning: "The job was not started before its expiry." },
  JOB_FAILED: { retryable: true, meaning: "The task threw an error without a code of its own." },
  JOB_NOT_DEAD: { retryable: false, meaning: "The job completed, so it is no dead letter." },
  JOB_NOT_ENDED: { retryable: false, meaning: "The job has not ended, so this cannot be done to it yet." },
  JOB_NOT_FOUND: {
    retryable: false,
    meaning: "No job has this id: never enqueued, or removed by retention.",
  },
  JOB_STALLED: { retryable: false, meaning: "The job's workers died too often while running it." },
  KEY_NOT_FOUND: { retryable: false, meaning: "No API key has this id." },
  LOCK_LOST: { retryable: true, meaning: "The worker could not renew its hold on the job in time." },
  MEDIA_TYPE_UNSUPPORTED: { retryable: false, meaning: "The body of a request is not JSON." },
  METHOD_NOT_ALLOWED: {
    retryable: false,
    meaning: "This path has no such method; `Allow` names those it has.",
  },
  NOTIFICATION_FAILED: { retryable: true, meaning: "A notification channel did not accept the message." },
  NOTIFICATION_REJECTED: {
    retryable: false,
    meaning: "A notification channel refused the message for good.",
  },
  NOTIFICATION_UNCONFIGURED: { retryable: false, meaning: "A notification channel has no settings." },
  NOT_ACCEPTABLE: { retryable: false, meaning: "The caller accepts no form that the answer comes in." },
  NOT_FOUND: { retryable: false, meaning: "The dashboard or the API has nothing under this path." },
  NOT_DURABLE: {
    retryable: true,
    meaning: "Redis could not confirm that its disk, or a replica, has the job; the job may exist.",
  },
  OUTPUT_INVALID: { retryable: false, meaning: "The task's result does not fit its output schema." },
  PAYLOAD_INVALID: { retryable: false, meaning: "What lies in Redis is not a job Lovage wrote." },
  PORT_TAKEN: { retryable: false, meaning: "Another process listens on a port that is needed." },
  PROGRAM_MISSING: { retryable: false, meaning: "A Ray task names a program that is not in its folder." },
  RATE_LIMITED: {
    retryable: true,
    meaning: "Too many requests, or failed logins; `Retry-After` says when to come back.",
  },
  RAY_CLUSTER_DOWN: {
    retryable: true,
    meaning: "The Ray cluster does not answer, so nothing is begun there; the job waits.",
  },
  RAY_CLUSTER_REPLACED: { retryable: true, meaning: "The cluster was replaced while the Ray job ran." },
  RAY_CLUSTER_UNKNOWN: { retryable: false, meaning: "No Ray cluster has this name." },
  RAY_JOB_FAILED: { retryable: true, meaning: "The Ray job's program failed." },
  RAY_JOB_LOST: { retryable: true, meaning: "The cluster no longer knows the Ray job." },
  RAY_JOB_SECOND: { retryable: false, meaning: "A task asked for a second Ray job in one attempt." },
  RAY_JOB_STOPPED: { retryable: false, meaning: "Somebody stopped the Ray job on the cluster." },
  RAY_JOB_UNSCRIPTED: { retryable: false, meaning: "A test ran a Ray program for which it has no script." },
  RAY_NOT_STARTED: { retryable: true, meaning: "The Ray job did not start before its start deadline." },
  RAY_RESULT_MISSING: { retryable: true, meaning: "The Ray job succeeded but its result was not found." },
  RAY_RUN_TIMEOUT: { retryable: false, meaning: "The Ray job ran longer than its run deadline." },
  RAY_SETUP_FAILED: { retryable: true, meaning: "The Ray job's runtime environment could not be made." },
  RAY_SUPERVISOR_FAILED: {
    retryable: true,
    meaning: "Ray lost or could not start the Ray job's supervisor.",
  },
  RAY_UNAVAILABLE: { retryable: true, meaning: "The Ray cluster did not answer for too long." },
  REDIS_FORBIDDEN: {
    retryable: false,
    meaning: "Redis does not let this user do that: its access list is for others.",
  },
  REDIS_FULL: {
    retryable: true,
    meaning: "Redis' memory or disk is full: it takes nothing new, and what it has stays.",
  },
  REDIS_LAYOUT: {
    retryable: false,
    meaning: "Redis has its keys spread over shards otherwise than the settings say.",
  },
  REDIS_POLICY: { retryable: false, meaning: "Redis may evict keys, so it would lose jobs." },
  REDIS_UNAVAILABLE: { retryable: true, meaning: "Redis did not answer in time." },
  RETRY_REQUESTED: { retryable: true, meaning: "The task asked to be run again later." },
  SCHEDULE_DECLARED: {
    retryable: false,
    meaning: "The schedule is declared with its task, so it is changed there.",
  },
  SCHEDULE_EXISTS: { retryable: false, meaning: "Another schedule has this name." },
  SCHEDULE_NOT_FOUND: { retryable: false, meaning: "No schedule has this name." },
  SOFT_TIME_LIMIT_EXCEEDED: {
    retryable: false,
    meaning: "The attempt took longer than its soft time limit.",
  },
  STACK_FAILED: { retryable: false, meaning: "A process of the local stack did not start or died." },
  TASK_DUPLICATE: { retryable: false, meaning: "Two tasks have the same name." },
  TASK_INVALID: { retryable: false, meaning: "A task's definition has a fault." },
  TASK_UNKNOWN: { retryable: false, meaning: "No task has this name." },
  TIME_LIMIT_EXCEEDED: {
    retryable: false,
    meaning: "The attempt took longer than its time limit and was ended.",
  },
  UNAUTHENTICATED: { retryable: false, meaning: "Nobody is logged in, or the API key is none." },
  UNEXPECTED: { retryable: false, meaning: "An error without a code of its own reached the command line." },
  USAGE: { retryable: false, meaning: "A command was called wrongly." },
  WAIT_TIMEOUT: { retryable: true, meaning: "The job did not end while the caller waited; it goes on." },
  WORKER_STOPPING: { retryable: true, meaning: "The worker stops and hands the job back." },
  WORKER_UNKNOWN: { retryable: false, meaning: "No live worker has this name." },
  WORKFLOW_CHANGED: {
    retryable: false,
    meaning: "The code of a running workflow changed: it no longer makes the calls it made.",
  },
} as const satisfies Record<string, { retryable: boolean; meaning: string }>;

/** A code of Lovage's own. Programs on Ray bring further ones (`INPUT_TARGET_MISSING`, …) as plain strings. */
export type ErrorCode = keyof typeof errorCodes;

export interface ErrorDetails {
  /** The field or variable at fault, as a dotted path. */
  field?: string | undefined;
  /** The value at fault; never a secret. */
  value?: unknown;
  /** What to do about it, in one sentence. */
  hint?: string | undefined;
  /** Whether another attempt can help. Default: what the table says of the code, false for a foreign code. */
  retryable?: boolean | undefined;
  cause?: unknown;
}

/** How an error travels through Redis and JSON. */
export interface ErrorRecord {
  code: string;
  message: string;
  retryable: boolean;
  field?: string;
  value?: string;
  hint?: string;
  stack?: string;
  cause?: string;
}

/** The one error of Lovage: match on `code`, not on the class or the text. */
export class LovageError extends Error {
  readonly code: string;
  readonly field: string | undefined;
  readonly value: unknown;
  readonly hint: string | undefined;
  readonly retryable: boolean;

  constructor(code: ErrorCode | (string & {}), message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.name = "LovageError";
    this.code = code;
    this.field = details.field;
    this.value = details.value;
    this.hint = details.hint;
    this.retryable = details.retryable ?? knownRetryable(code);
  }

  /** The error as plain JSON; long values are cut at 500 characters. */
  toRecord(): ErrorRecord {
    const record: ErrorRecord = { code: this.code, message: this.message, retryable: this.retryable };
    if (this.field !== undefined) record.field = this.field;
    if (this.value !== undefined) record.value = excerpt(this.value);
    if (this.hint !== undefined) record.hint = this.hint;
    if (this.stack !== undefined) record.stack = this.stack;
    if (this.cause !== undefined) record.cause = describeError(this.cause);
    return record;
  }

  static fromRecord(record: ErrorRecord): LovageError {
    const error = new LovageError(record.code, record.message, record);
    if (record.stack !== undefined) error.stack = record.stack;
    return error;
  }
}

/** Any thrown value as a LovageError: errors with a code and a `retryable` flag keep them, others become `fallback`. */
export function toLovageError(thrown: unknown, fallback: ErrorCode = "JOB_FAILED"): LovageError {
  if (thrown instanceof LovageError) return thrown;
  if (thrown instanceof Error) {
    const { code, retryable, hint } = thrown as Error & {
      code?: unknown;
      retryable?: unknown;
      hint?: unknown;
    };
    const coded = typeof code === "string" && typeof retryable === "boolean";
    const error = new LovageError(coded ? code : fallback, thrown.message || thrown.name, {
      cause: thrown,
      retryable: coded ? retryable : undefined,
      hint: typeof hint === "string" ? hint : undefined,
    });
    if (thrown.stack !== undefined) error.stack = thrown.stack;
    return error;
  }
  return new LovageError(fallback, `a task threw ${excerpt(thrown)} instead of an Error`);
}

/** One line about any thrown value: its name, message and, where it has one, its cause. */
export function describeError(thrown: unknown): string {
  if (!(thrown instanceof Error)) return excerpt(thrown);
  const own =
    thrown instanceof LovageError ? `${thrown.code}: ${thrown.message}` : `${thrown.name}: ${thrown.message}`;
  return thrown.cause === undefined ? own : `${own} (${describeError(thrown.cause)})`;
}

function knownRetryable(code: string): boolean {
  return Object.hasOwn(errorCodes, code) ? errorCodes[code as ErrorCode].retryable : false;
}

function describeValue(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // A cycle, a BigInt, or deeper than the stack.
    return `(${typeof value} that JSON cannot hold)`;
  }
}

function excerpt(value: unknown): string {
  const text = typeof value === "string" ? value : describeValue(value);
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}
