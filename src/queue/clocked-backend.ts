import { type BackendFactory, createRedisBackend, type RedisQueueBackend } from "bullmq";
import type { RedisClock } from "./redis-clock.ts";

/** Which of a script's keys and arguments is the time, where it matters: what is due, and for how long jobs are kept. */
const timeAt: Readonly<Record<string, number>> = {
  moveToActive: 12,
  moveToDelayed: 12,
  moveToFinished: 15,
  retryJob: 12,
};

/** Clocks that differ by less, in milliseconds, are taken for the same: each job would pay for telling them apart. */
const sameClock = 20;

/** Milliseconds by which Redis' clock is ahead of this machine's, where that is worth telling apart; else 0. */
export function noticedOffset(clock: Pick<RedisClock, "offset">): number {
  const offset = clock.offset();
  return Math.abs(offset) < sameClock ? 0 : offset;
}

/**
 * BullMQ's own way to Redis, by Redis' clock. BullMQ tells its scripts the time of the process that runs them: a worker
 * whose clock is an hour ahead would start every delayed job an hour early, and one behind would leave it.
 */
export function clockedBackend(clock: Pick<RedisClock, "offset">): BackendFactory<RedisQueueBackend> {
  return (name, options, how) => {
    const backend = createRedisBackend(name, options, how);
    const run = backend.execCommand.bind(backend);
    const wait = backend.waitForJob.bind(backend);
    backend.execCommand = (client, command, args) => {
      const at = timeAt[command];
      const time = at === undefined ? undefined : args[at];
      if (at === undefined || typeof time !== "number") return run(client, command, args);
      const offset = noticedOffset(clock);
      if (offset === 0) return run(client, command, args);
      args[at] = time + offset;
      return untilLocal(run(client, command, args), offset);
    };
    // What it waits for is told by Redis' clock as well, and reckoned with by its own.
    backend.waitForJob = async (timeout) => {
      const told = await wait(timeout);
      return told !== null && told.score > 0 ? { ...told, score: told.score - clock.offset() } : told;
    };
    return backend;
  };
}

/** A reply with the next job has, as its fourth part, when the next delayed one is due. */
async function untilLocal(reply: Promise<unknown>, offset: number): Promise<unknown> {
  const told = await reply;
  if (Array.isArray(told) && typeof told[3] === "number" && told[3] > 0) told[3] -= offset;
  return told;
}
