import { randomUUID } from "node:crypto";
import type { Broker } from "./broker.ts";
import { jobFields } from "./keys.ts";
import { jobsWithin, memberOf, waits, wakeJob } from "./wake.ts";

/** What may run at once of one task, over all workers. */
export interface SlotLimit {
  task: string;
  /** Default: no limit. */
  total?: number | undefined;
  perKey?: number | undefined;
  /** Milliseconds after which a slot whose holder fell silent is free again. */
  lease: number;
}

/** A job that wants a slot. */
export interface SlotJob {
  queue: string;
  id: string;
  /** Milliseconds since 1970: of one key the oldest job is next. */
  enqueuedAt: number;
  /** What it shares its limit with; "" where the task has no keys. */
  key: string;
}

/**
 * Slots that jobs hold while they run: leases in Redis, renewed while the worker lives, named by the job, so that a job
 * that is handed back or taken over goes on with its own. Who gets none stands in a line for each key, and whoever leaves
 * a slot wakes the next: the keys take turns.
 */
export interface ConcurrencySlots {
  /**
   * @param force for work that runs already: it is counted, room or not
   * @returns undefined when the job has a slot, else how many of its key wait before it
   */
  enter(limit: SlotLimit, job: SlotJob, force?: boolean): Promise<number | undefined>;
  /** Gives the slot, or the place in the line, to the next. */
  leave(limit: SlotLimit, job: Pick<SlotJob, "queue" | "id">): Promise<void>;
  /** No longer renews the lease: whoever takes the job next has it. */
  handOver(limit: SlotLimit, job: Pick<SlotJob, "queue" | "id">): void;
  /** For a job that was just postponed: its turn may have come in between. */
  lookAgain(limit: SlotLimit, job: Pick<SlotJob, "queue" | "id">): Promise<void>;
  stop(): void;
}

export interface ConcurrencyOptions {
  broker: Broker;
  /** Milliseconds between two renewals. */
  renewal: number;
  onError(error: Error): void;
  /** Told of a running job whose slot is another's by now. */
  onLost(member: string): void;
}

export function createConcurrencySlots({
  broker,
  renewal,
  onError,
  onLost,
}: ConcurrencyOptions): ConcurrencySlots {
  const { keys, redis } = broker;
  const worker = randomUUID();
  const held = new Map<string, { limit: SlotLimit; members: Set<string> }>();
  let timer: NodeJS.Timeout | undefined;

  const common = ({ lease, total = 0, perKey = 0 }: SlotLimit) =>
    [lease, total, perKey, jobsWithin(keys), jobFields.cancel, worker] as const;

  async function wakeAll(limit: SlotLimit, members: readonly string[]): Promise<void> {
    await Promise.all(
      members.map(async (member) => {
        // In one shard the script itself has looked.
        if (keys.shards.length === 1 || (await waits(broker, member))) await wakeJob(broker, member, true);
        else await leave(limit, member);
      }),
    );
  }

  async function leave(limit: SlotLimit, member: string): Promise<void> {
    const [, ...woken] = await redis.lovageSlots(keys.slots(limit.task), "leave", member, ...common(limit));
    await wakeAll(limit, woken);
  }

  async function renew(): Promise<void> {
    for (const [task, { limit, members }] of held) {
      if (members.size === 0) continue;
      const lost = await redis.lovageSlots(keys.slots(task), "renew", "", ...common(limit), ...members);
      for (const member of lost) if (members.delete(member)) onLost(member);
    }
  }

  function keep(limit: SlotLimit, member: string): void {
    const ofTask = held.get(limit.task) ?? { limit, members: new Set() };
    held.set(limit.task, ofTask);
    ofTask.members.add(member);
    // Without a limited job there is nothing to renew.
    timer ??= setInterval(() => renew().catch(onError), renewal).unref();
  }

  function forget(limit: SlotLimit, member: string): void {
    held.get(limit.task)?.members.delete(member);
  }

  return {
    async enter(limit, job, force = false) {
      const member = memberOf(job);
      const [place, ...woken] = await redis.lovageSlots(
        keys.slots(limit.task),
        "ask",
        member,
        ...common(limit),
        job.enqueuedAt,
        job.key,
        force ? 1 : 0,
      );
      if (place < 0) keep(limit, member);
      await wakeAll(limit, woken);
      return place < 0 ? undefined : place;
    },
    async leave(limit, job) {
      const member = memberOf(job);
      forget(limit, member);
      await leave(limit, member);
    },
    handOver: (limit, job) => forget(limit, memberOf(job)),
    async lookAgain(limit, job) {
      const member = memberOf(job);
      const granted = await redis.hexists(`${keys.slots(limit.task)}:unclaimed`, member);
      if (granted === 1) await wakeJob(broker, member, true);
    },
    stop: () => clearInterval(timer),
  };
}
