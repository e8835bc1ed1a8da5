import type { LovageError } from "../core/errors.ts";

const statuses: Readonly<Record<string, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  CSRF_INVALID: 403,
  NOT_FOUND: 404,
  JOB_NOT_FOUND: 404,
  TASK_UNKNOWN: 404,
  WORKER_UNKNOWN: 404,
  SCHEDULE_NOT_FOUND: 404,
  KEY_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  NOT_ACCEPTABLE: 406,
  WAIT_TIMEOUT: 408,
  JOB_AMBIGUOUS: 409,
  JOB_NOT_DEAD: 409,
  JOB_NOT_ENDED: 409,
  IDEMPOTENCY_CONFLICT: 409,
  SCHEDULE_EXISTS: 409,
  SCHEDULE_DECLARED: 409,
  DATA_TOO_LARGE: 413,
  MEDIA_TYPE_UNSUPPORTED: 415,
  INPUT_INVALID: 422,
  PAYLOAD_INVALID: 422,
  RATE_LIMITED: 429,
  CATALOGUE_EMPTY: 503,
  REDIS_UNAVAILABLE: 503,
  REDIS_POLICY: 503,
  NOT_DURABLE: 503,
  RAY_UNAVAILABLE: 503,
};

/** The HTTP status of an error; 500 for what nobody foresaw. */
export function statusOf({ code }: Pick<LovageError, "code">): number {
  return statuses[code] ?? 500;
}
