import type { Redis } from "ioredis";
import { LovageError } from "../core/errors.ts";

/** How Redis says it of a command, and of one inside a script. */
const refusal = /^NOPERM|ACL failure in script/;

/** What Redis' ACL refuses is told with a code, on this connection and on those that are made from it. */
export function codeRefusals<R extends Redis>(redis: R, user: string, address: string): R {
  const settle = redis.handleReconnection.bind(redis);
  // Each error that Redis answers with goes this way, those inside pipelines and scripts too.
  redis.handleReconnection = (error, item) =>
    settle(refusal.test(error.message) ? forbidden(error, user, address) : error, item);
  const duplicate = redis.duplicate.bind(redis);
  redis.duplicate = ((overrides) =>
    codeRefusals(duplicate(overrides), user, address)) as typeof redis.duplicate;
  return redis;
}

function forbidden(cause: Error, user: string, address: string): LovageError {
  return new LovageError(
    "REDIS_FORBIDDEN",
    `Redis at ${address} refused its user ${user}: ${cause.message}`,
    {
      field: "REDIS_USERNAME",
      value: user,
      hint: "the user client may make, see and cancel jobs, worker may do what workers, schedulers, dashboards and operators do, admin everything: see deploy/redis/users.acl.rules; or use the HTTP API",
      cause,
    },
  );
}
