import type { RateLimiterRedis } from "rate-limiter-flexible";
import type { Rate } from "../core/rate.ts";
import type { Broker } from "./broker.ts";
import { jobFields } from "./keys.ts";
import { jobsWithin, waits, wakeJob } from "./wake.ts";

/** The rate limits of tasks, counted in Redis over all workers. */
export interface RateLimits {
  /**
   * Takes a place in the running window, or one in the line for the next ones.
   * @param member the job, as `queue:id`
   * @returns 0 when the attempt may begin, else after how many milliseconds it is its turn
   */
  take(task: string, rate: Rate, member: string): Promise<number>;
}

export function createRateLimits(broker: Broker): RateLimits {
  const { keys, redis } = broker;
  const limiters = new Map<string, RateLimiterRedis>();

  async function limiterOf(task: string, { count, per }: Rate): Promise<RateLimiterRedis> {
    const keyPrefix = keys.rates(task);
    const name = `${keyPrefix}:${count}/${per}`;
    const known = limiters.get(name);
    if (known !== undefined) return known;
    // Loaded where a task has a rate: a worker without one need not carry it.
    const { RateLimiterRedis } = await import("rate-limiter-flexible");
    const options = { storeClient: redis, keyPrefix, points: count, duration: per / 1000 };
    const made = new RateLimiterRedis(options);
    limiters.set(name, made);
    return made;
  }

  /** What the script does where all jobs are in its shard: those that were cancelled or removed hold nobody up. */
  async function shorten(line: string, me: string): Promise<void> {
    for (const place of [0, -1]) {
      for (let looks = 0; looks < 100; looks += 1) {
        const [member] = (await redis.zrange(line, place, String(place))).map(String);
        if (member === undefined || member === me || (await waits(broker, member))) break;
        await redis.zrem(line, member);
      }
    }
  }

  return {
    async take(task, rate, member) {
      const limiter = await limiterOf(task, rate);
      // Another length of time is another window: the count of an hour says nothing about a second.
      const counted = `${task}:${rate.per}`;
      const line = keys.rateLine(task);
      const turn = (refused: 0 | 1) =>
        redis.lovageRateLine(
          line,
          limiter.getKey(counted),
          member,
          rate.count,
          rate.per,
          refused,
          jobsWithin(keys),
          jobFields.cancel,
        );
      if (keys.shards.length > 1) await shorten(line, member);
      const answer = await turn(0);
      if (answer >= 0) return Math.max(1, answer);
      try {
        await limiter.consume(counted);
      } catch (refusal) {
        // What is no error is the library's count: the window is full.
        if (refusal instanceof Error) throw refusal;
        return Math.max(1, await turn(1));
      }
      if (answer === -2) await redis.zrem(line, member);
      return 0;
    },
  };
}

/** Has everybody in the line of a task's rate limit ask again: their turns were reckoned by another rate. */
export async function wakeRateLine(broker: Broker, task: string): Promise<void> {
  for (const member of await broker.redis.zrange(broker.keys.rateLine(task), "0", "-1")) {
    await wakeJob(broker, member);
  }
}
