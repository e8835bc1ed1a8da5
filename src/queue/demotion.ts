import type { Redis } from "ioredis";

/** How one says that it was the master and is a replica now: nothing of the command was done. */
const words = /^READONLY|^UNBLOCKED/;

/** So long after the last sign of a demotion the next one is another demotion, in milliseconds. */
const episode = 10_000;

/** What this process knows of one address. */
interface Family {
  /** Its connections, and when each was made last, in milliseconds since 1970. */
  readonly since: Map<Redis, number>;
  begun: number;
  last: number;
}

const families = new Map<string, Family>();

/** Whether what refuses is a replica: also what one part of a transaction is answered, which ioredis does not look at. */
export function isDemotion(error: Error): boolean {
  return words.test(error.message);
}

/** ioredis' `reconnectOnError`: to find the master that is now, and ask it the same. */
export function askAnother(error: Error): 2 | false {
  return isDemotion(error) && 2;
}

/** Has a connection made anew when another one to the same address is told of a demotion. */
export function followDemotions(redis: Redis, address: string): void {
  const family = families.get(address) ?? { since: new Map<Redis, number>(), begun: 0, last: 0 };
  families.set(address, family);
  redis.on("connect", () => family.since.set(redis, Date.now()));
  redis.on("end", () => family.since.delete(redis));
}

/**
 * Has the connections to that address made anew that are older than the demotion, of which one was just told. The others
 * would not hear of it: a replica answers who only reads, with what was, and may be behind.
 */
export function leaveDemoted(address: string): void {
  const family = families.get(address);
  if (family === undefined) return;
  const now = Date.now();
  if (now - family.last > episode) family.begun = now;
  family.last = now;
  for (const [redis, since] of family.since)
    if (since < family.begun && redis.status === "ready") redis.disconnect(true);
}
