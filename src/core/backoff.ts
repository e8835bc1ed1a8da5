export interface Backoff {
  /** Delay before the second attempt, in milliseconds; doubled for each further one. */
  delay: number;
  /** No delay is longer, in milliseconds. */
  max: number;
}

/**
 * Milliseconds to wait after the given attempt (counted from 1) failed: exponential, capped, with "equal jitter"
 * (half fixed, half random), so that jobs that failed together do not come back together.
 * @param random a number in [0, 1)
 */
export function backoffDelay(backoff: Backoff, attempt: number, random: number = Math.random()): number {
  // Past 2 ** 52 every delay is beyond any cap; 2 ** 1100 would be Infinity, and nothing times that is NaN.
  const full = Math.min(backoff.max, backoff.delay * 2 ** Math.min(52, Math.max(0, attempt - 1)));
  return Math.round(full / 2 + (full / 2) * random);
}
