import { type BackendFactory, type MinimalJob, type RedisQueueBackend, raw2NextJobData } from "bullmq";
import type { Redis } from "ioredis";
import { noticedOffset } from "./clocked-backend.ts";
import { type FinishCommand, finishKeys, leftToBullMq } from "./finish-script.ts";
import type { RedisClock } from "./redis-clock.ts";
import { mendReply } from "./tolerant-worker.ts";

export interface FinishOptions {
  redis: Redis & FinishCommand;
  clock: Pick<RedisClock, "offset">;
  workerName: string;
  /** Milliseconds. */
  lockDuration: number;
  /** How many completed jobs are kept, and for how many seconds. */
  keep: { count: number; age: number };
}

interface Waiting {
  id: string;
  token: string;
  result: string;
  fetchNext: boolean;
  resolve(ended: Ended): void;
  reject(error: unknown): void;
}

interface Ended {
  reply: unknown;
  /** Milliseconds since 1970. */
  finishedOn: number;
}

/**
 * So many jobs go at once, without waiting for the tick's end, or an eighth of those on their way where that is more: Redis
 * works on them while the worker runs the others. All in one command, the two would take turns.
 */
const fewestJobs = 2;
const share = 8;
/** So many jobs, or characters of their results, are the most that one command keeps Redis busy with: a few milliseconds. */
const mostJobs = 100;
const mostCharacters = 256 * 1024;

/**
 * BullMQ's own way to Redis, but for the end of completed jobs: those of one tick go in one command, with the next ones for
 * their slots.
 */
export function finishTogether(
  { redis, clock, workerName, lockDuration, keep }: FinishOptions,
  open: BackendFactory<RedisQueueBackend>,
): BackendFactory<RedisQueueBackend> {
  return (name, options, how) => {
    const backend = open(name, options, how);
    const finishAlone = backend.moveToCompleted.bind(backend);
    const { keys } = backend;
    const head = finishKeys.map((key) => keys[key] as string);
    const tail = [workerName, lockDuration, keep.count, keep.age];
    let waiting: Waiting[] = [];
    let characters = 0;
    /** How many jobs Redis has not answered for. */
    let onItsWay = 0;

    function flush(): void {
      if (waiting.length === 0) return;
      const jobs = waiting;
      waiting = [];
      characters = 0;
      const now = Date.now() + noticedOffset(clock);
      const parts = [...head, keys[""] as string, now, ...tail];
      for (const { id, token, result, fetchNext } of jobs) parts.push(id, token, result, fetchNext ? 1 : 0);
      redis.lovageFinish.apply(redis, parts).then(
        (replies) => {
          onItsWay -= jobs.length;
          for (const [at, { resolve }] of jobs.entries())
            resolve({ reply: replies === null ? leftToBullMq : replies[at], finishedOn: now });
        },
        (error: unknown) => {
          onItsWay -= jobs.length;
          for (const { reject } of jobs) reject(error);
        },
      );
    }

    function finish(id: string, token: string, result: string, fetchNext: boolean): Promise<Ended> {
      return new Promise((resolve, reject) => {
        // When all that this tick's promises lead to is done.
        if (waiting.length === 0) process.nextTick(flush);
        waiting.push({ id, token, result, fetchNext, resolve, reject });
        onItsWay += 1;
        characters += result.length;
        const enough = Math.min(mostJobs, Math.max(fewestJobs, onItsWay / share));
        if (waiting.length >= enough || characters > mostCharacters) flush();
      });
    }

    backend.moveToCompleted = async (...call) => {
      const [job, returnValue, , token, fetchNext] = call;
      if (keep.count <= 0 || !isPlain(job)) return finishAlone(...call);
      const result = JSON.stringify(returnValue) ?? "null";
      const wantsNext = fetchNext && backend.closing === undefined;
      const { reply, finishedOn } = await finish(job.id ?? "", token, result, wantsNext);
      if (reply === leftToBullMq) return finishAlone(...call);
      return { result: raw2NextJobData(mendReply(reply) as unknown[]), finishedOn };
    };
    return backend;
  };
}

function isPlain(job: MinimalJob & { parent?: unknown; deduplicationId?: unknown }): boolean {
  return (
    job.parent === undefined &&
    job.parentKey === undefined &&
    job.deduplicationId === undefined &&
    job.opts.removeOnComplete === undefined
  );
}
