import { RateLimiterRedis, type RateLimiterRes } from "rate-limiter-flexible";
import { parseRate } from "../core/rate.ts";
import type { Broker } from "./broker.ts";

/** Where a caller stands in the running window of its rate. */
export interface RateStanding {
  allowed: boolean;
  /** Requests in a window. */
  limit: number;
  /** Seconds of a window. */
  window: number;
  remaining: number;
  /** Seconds until the next window, from 1 on. */
  reset: number;
}

/** Counts requests by caller, in Redis over all dashboards. */
export interface ApiThrottle {
  /** @param rate as in "100/s" */
  take(caller: string, rate: string): Promise<RateStanding>;
}

export function createApiThrottle({ redis, keys }: Pick<Broker, "redis" | "keys">): ApiThrottle {
  const limiters = new Map<string, { limiter: RateLimiterRedis; limit: number; window: number }>();

  function limiterOf(rate: string) {
    const known = limiters.get(rate);
    if (known !== undefined) return known;
    const { count, per } = parseRate(rate, "rate");
    const window = Math.max(1, Math.round(per / 1000));
    const limiter = new RateLimiterRedis({
      storeClient: redis,
      keyPrefix: keys.apiRates,
      points: count,
      duration: window,
      // Who is over the limit already need not be counted in Redis again until the window is over.
      inMemoryBlockOnConsumed: count + 1,
    });
    const made = { limiter, limit: count, window };
    limiters.set(rate, made);
    return made;
  }

  return {
    async take(caller, rate) {
      const { limiter, limit, window } = limiterOf(rate);
      const standing = (allowed: boolean, { remainingPoints, msBeforeNext }: RateLimiterRes) => ({
        allowed,
        limit,
        window,
        remaining: Math.max(0, remainingPoints),
        reset: Math.max(1, Math.ceil(msBeforeNext / 1000)),
      });
      try {
        return standing(true, await limiter.consume(caller));
      } catch (refusal) {
        // What is no error is the library's count: the window is full.
        if (refusal instanceof Error) throw refusal;
        return standing(false, refusal as RateLimiterRes);
      }
    },
  };
}
