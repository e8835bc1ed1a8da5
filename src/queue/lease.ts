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
