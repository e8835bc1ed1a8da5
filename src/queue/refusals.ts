import type { Redis } from "ioredis";
import { LovageError } from "../core/errors.ts";

/** How Redis says it of a command, and of one inside a script: Valkey, and Redis 7.0. */
const refusal = /^NOPERM|ACL failure in script|user executing the script can't/;

/** How Redis says that its memory is full, or that it cannot write its files; of a command and of one inside a script. */
const full = /(?:^|-|ERR )(?:OOM|MISCONF) /;

/** How one says that it was the master and is a replica now: nothing of the command was done. */
const demotion = /^READONLY|^UNBLOCKED/;

/** Whether what refuses is a replica: also what one part of a transaction is answered, which ioredis does not look at. */
export function isDemotion(error: Error): boolean {
  return demotion.test(error.message);
}

/** ioredis' `reconnectOnError`: to find the master that is now, and ask it the same. */
export function askAnother(error: Error): 2 | false {
  return isDemotion(error) && 2;
}

/**
 * What Redis' ACL refuses, and what it has no room for, is told with a code, on this connection and on those that are made from it; and what only a
 * master does is asked again of the one that is now.
 */
export function codeRefusals<R extends Redis>(redis: R, user: string, address: string): R {
  const settle = redis.handleReconnection.bind(redis);
  let last: LovageError | undefined;
  // Each error that Redis answers with goes this way, those inside pipelines and scripts too.
  redis.handleReconnection = (error, item) => {
    const { inTransaction } = item.command as { inTransaction?: boolean };
    if (isDemotion(error) && inTransaction === true) {
      // Alone, without the rest of its transaction, it must not be done: the caller has to begin again.
      redis.disconnect(true);
      item.command.reject(error);
      return;
    }
    // A transaction that is given up says so last, and why at the command that was refused.
    const discarded = error.message.startsWith("EXECABORT") ? last : undefined;
    last = refusal.test(error.message)
      ? forbidden(error, user, address)
      : full.test(error.message)
        ? noRoom(error, address)
        : undefined;
    settle(discarded ?? last ?? error, item);
  };
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

function noRoom(cause: Error, address: string): LovageError {
  const disk = cause.message.includes("MISCONF");
  return new LovageError("REDIS_FULL", `Redis at ${address} has no room: ${cause.message}`, {
    field: disk ? "disk" : "maxmemory",
    hint: disk
      ? "make room on the disk of Redis' append-only file; it goes on by itself"
      : "keep ended jobs for a shorter time (RESULT_AGE, RESULT_COUNT), let workers catch up, or raise maxmemory",
    cause,
  });
}
