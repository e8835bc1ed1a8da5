import type { Redis } from "ioredis";

/**
 * Has a connection tell those who ask something on it why there is none, such as a certificate that cannot be trusted. ioredis
 * tells them only that it was closed.
 * @param heard called with each of its errors
 */
export function tellWhyClosed<R extends Redis>(redis: R, heard: (why: Error) => void = () => {}): R {
  const queue = redis as unknown as { flushQueue(error: Error, which?: object): void };
  const flush = queue.flushQueue.bind(redis);
  let why: Error | undefined;
  redis.on("error", (error: Error) => {
    why = error;
    heard(error);
  });
  queue.flushQueue = (error, which) => flush(why ?? error, which);
  return redis;
}
