import type { Broker } from "./broker.ts";

/** The right to act as the scheduler: one has it at a time, by Redis' clock. */
export interface Lease {
  /** Takes it or keeps it. @returns its term, 0 when another has it */
  take(): Promise<number>;
  /** Gives it up, so that another need not wait until it runs out. */
  release(): Promise<void>;
}

/** @param milliseconds after which a holder that does not renew it has lost it */
export function createLease({ redis, keys }: Broker, holder: string, milliseconds: number): Lease {
  return {
    take: () => redis.lovageLease(keys.schedulerLease, keys.schedulerTerms, holder, milliseconds),
    async release() {
      await redis.lovageLeaseEnd(keys.schedulerLease, holder, keys.scheduleChanges);
    },
  };
}

/** Whether a scheduler acts now. */
export async function hasScheduler({ redis, keys }: Broker): Promise<boolean> {
  return (await redis.exists(keys.schedulerLease)) === 1;
}

/** The scheduler that acts. */
export interface ActingScheduler {
  /** Host and process: `big-machine:4711`. */
  name: string;
  /** Milliseconds since it last renewed its lease, by Redis' clock. */
  age: number;
  /** Milliseconds after which another takes over from it. */
  lease: number;
}

/** Which scheduler acts now; undefined: none does. */
export async function readActingScheduler({ redis, keys }: Broker): Promise<ActingScheduler | undefined> {
  const [fields, left] = await Promise.all([
    redis.hgetall(keys.schedulerLease),
    redis.pttl(keys.schedulerLease),
  ]);
  const { holder, length } = fields;
  if (holder === undefined || left < 0) return undefined;
  // The third part of a holder tells two with the same process id apart, and nobody else anything.
  const name = holder.split(":").slice(0, -1).join(":");
  // A scheduler of an earlier release does not say it.
  const lease = Number(length ?? 10_000);
  return { name, age: Math.max(0, lease - left), lease };
}
