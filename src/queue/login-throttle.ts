import { createHash } from "node:crypto";
import { RateLimiterRedis, type RateLimiterRes } from "rate-limiter-flexible";
import type { Broker } from "./broker.ts";
import { withDeadline } from "./connection.ts";

/** Who tries to log in. */
export interface LoginTry {
  address: string;
  user: string;
}

/** Failed logins within a quarter of an hour, over all dashboards. */
export interface LoginThrottle {
  /**
   * Counts a try as failed, before its password is looked at: guesses sent at once must not all slip through.
   * @returns 0 when it may go on, else after how many milliseconds it may come back
   */
  take(login: LoginTry): Promise<number>;
  /** Takes that back: it was the right password. */
  succeed(login: LoginTry): Promise<void>;
}

/** Seconds. */
const window = 15 * 60;

export const loginLimits = { perUser: 10, perAddress: 30 } as const;

/** Milliseconds that a login waits for Redis. */
const patience = 3000;

export function createLoginThrottle({ redis, keys, address }: Broker): LoginThrottle {
  const limiter = (kind: string, points: number) =>
    new RateLimiterRedis({
      storeClient: redis,
      keyPrefix: `${keys.logins}:${kind}`,
      points,
      duration: window,
    });
  const users = limiter("user", loginLimits.perUser);
  const addresses = limiter("address", loginLimits.perAddress);
  // A name is typed by anybody, as long as they like.
  const digest = (user: string) => createHash("sha256").update(user).digest("base64url");

  return {
    async take({ address: from, user }) {
      const counted = [wait(addresses.consume(from)), wait(users.consume(digest(user)))];
      const waits = await withDeadline(Promise.all(counted), patience, address);
      return Math.max(...waits);
    },
    async succeed({ address: from, user }) {
      await Promise.all([users.delete(digest(user)), addresses.reward(from)]);
    },
  };
}

async function wait(consumed: Promise<RateLimiterRes>): Promise<number> {
  try {
    await consumed;
    return 0;
  } catch (refusal) {
    // What is no error is the library's count: there were too many.
    if (refusal instanceof Error) throw refusal;
    return Math.max(1, (refusal as RateLimiterRes).msBeforeNext);
  }
}
