import type { Redis } from "ioredis";

/**
 * Stands in front of a script that must run in a Redis whose memory is full. Redis looks at its memory until a script has
 * written something; deleting a key that never exists is a write that needs none, and what follows it is let through.
 */
const opening = 'redis.call("del", KEYS[1] .. ":room")\n';

/** BullMQ's scripts that only move, hold and end jobs that are there. Those that add jobs are refused, as they should be. */
const moving =
  /^(?:moveTo|moveJobFromActiveToWait|moveStalledJobsToWait|extendLock|retryJob|releaseLock|saveStacktrace|updateProgress|promote)/;

/** Ours: the life of a worker and of the jobs that it holds, and cancelling, which frees what it ends. */
const living = new Set([
  "lovageBeat",
  "lovageCancel",
  "lovageFinish",
  "lovageHistory",
  "lovageLease",
  "lovageLog",
  "lovageProgress",
  "lovageRateLine",
  "lovageReplaceHash",
  "lovageSetData",
  "lovageSetHeld",
  "lovageSetMissing",
  "lovageSetOnce",
  "lovageSlots",
  "lovageSweep",
  "lovageTakeUnstarted",
  "lovageUnstart",
  "lovageWake",
]);

/**
 * Lets scripts that end jobs run in a full Redis: the work that waits there must not stand still for lack of a few bytes,
 * since its end is what makes room.
 */
export function goOnWhenFull<R extends Redis>(redis: R): R {
  const define = redis.defineCommand.bind(redis);
  redis.defineCommand = (name, definition) => {
    const goesOn = moving.test(name) || living.has(name);
    define(name, goesOn ? { ...definition, lua: opening + definition.lua } : definition);
  };
  return redis;
}
