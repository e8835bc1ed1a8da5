import { createHash } from "node:crypto";
import { LovageError } from "../core/errors.ts";
import type { Rate } from "../core/rate.ts";
import type { Broker } from "../queue/broker.ts";
import { createConcurrencySlots, type SlotJob, type SlotLimit } from "../queue/concurrency.ts";
import type { HeldJob } from "../queue/held-job.ts";
import { createRateLimits } from "../queue/rate-limit.ts";
import { memberOf } from "../queue/wake.ts";
import { parseRecord } from "../ray/record.ts";
import type { AnyTask } from "../task/catalogue.ts";
import type { Admission, Attempt } from "../task/execute.ts";

export interface AdmissionOptions {
  broker: Broker;
  /** Milliseconds. */
  lockDuration: number;
  /** The rate that holds for a task now. */
  rateOf(task: AnyTask): Rate | undefined;
  /** Hears when Redis could not be asked; the attempt is postponed. */
  onError(error: unknown): void;
  /** Told of a running job, as `queue:id`, whose slot is another's by now: it must end. */
  onLost(member: string): void;
}

/** Lets attempts begin as the rate and the concurrency limits of their tasks allow. */
export interface AdmissionDesk {
  isLimited(task: AnyTask): boolean;
  admit(attempt: Attempt<HeldJob>): Promise<Admission>;
  /** Gives up the place of a job that was dropped before it began. */
  forget(task: AnyTask, job: HeldJob): Promise<void>;
  stop(): void;
}

/** How long an attempt is put aside when Redis cannot say whether it may begin, in milliseconds. */
const troubleDelay = 1000;

/**
 * A parked job is woken when its turn comes; it also looks by itself, because a wake can be lost. The first of a line
 * look every thirty seconds, those far behind seldom, so that a long line costs next to nothing. Milliseconds.
 */
const look = { first: 30_000, perPlace: 3000, most: 900_000 };

/**
 * How many lock durations a slot outlives its silent worker. A Ray job runs on without one, so its slot waits longer for
 * the next worker.
 */
const leaseFactor = { task: 2, ray: 10 };

export function createAdmissionDesk(options: AdmissionOptions): AdmissionDesk {
  const { broker, lockDuration, rateOf } = options;
  const rates = createRateLimits(broker);
  const slots = createConcurrencySlots({ ...options, renewal: lockDuration / 2 });

  function slotLimit(task: AnyTask): SlotLimit | undefined {
    const { concurrency } = task.limits;
    if (concurrency === undefined) return undefined;
    const { total, perKey } = concurrency;
    const factor = task.ray === undefined ? leaseFactor.task : leaseFactor.ray;
    return { task: task.name, total, perKey, lease: factor * lockDuration };
  }

  async function admit({ task, input, delivery }: Attempt<HeldJob>): Promise<Admission> {
    const limit = slotLimit(task);
    const { queue, id, enqueuedAt } = delivery;
    const job: SlotJob = { queue, id, enqueuedAt, key: keyOf(task, input) };
    let entered = false;
    try {
      // A Ray job that a worker left running runs already, whatever the limits say now.
      const runs = task.ray !== undefined && !delivery.firstStart && (await hasRayJob(delivery));
      if (limit !== undefined) {
        const before = await slots.enter(limit, job, runs);
        if (before !== undefined) return parked(limit, job, before);
        entered = true;
      }
      const rate = runs ? undefined : rateOf(task);
      const wait = rate === undefined ? 0 : await rates.take(task.name, rate, memberOf(delivery));
      if (wait > 0) {
        if (limit !== undefined) await slots.leave(limit, job);
        return { milliseconds: wait, why: "the rate limit is reached" };
      }
    } catch (error) {
      options.onError(error);
      if (entered && limit !== undefined) await slots.leave(limit, job).catch(options.onError);
      return { milliseconds: troubleDelay, why: "Redis could not say whether the limits allow it" };
    }
    return { release: () => release(limit, delivery) };
  }

  function parked(limit: SlotLimit, job: SlotJob, before: number): Admission {
    return {
      milliseconds: Math.min(look.most, look.first + before * look.perPlace),
      why: "the concurrency limit is reached",
      parked: () => slots.lookAgain(limit, job).catch(options.onError),
    };
  }

  async function release(limit: SlotLimit | undefined, job: HeldJob): Promise<void> {
    if (limit === undefined) return;
    const goesOn = job.signal.aborted && handingBack.includes(job.signal.reason?.code);
    if (goesOn) return slots.handOver(limit, job);
    // The attempt has ended whatever Redis says; the lease runs out by itself.
    await slots.leave(limit, job).catch(options.onError);
  }

  return {
    isLimited: (task) => task.limits.concurrency !== undefined || rateOf(task) !== undefined,
    admit,
    async forget(task, job) {
      const limit = slotLimit(task);
      if (limit !== undefined) await slots.leave(limit, job).catch(options.onError);
    },
    stop: () => slots.stop(),
  };
}

/** Reasons of an abort after which another worker goes on with the same attempt. */
const handingBack: readonly unknown[] = ["WORKER_STOPPING", "LOCK_LOST"];

async function hasRayJob(job: HeldJob): Promise<boolean> {
  const record = parseRecord(await job.readRayJob());
  return record !== undefined && !record.settled;
}

/** Redis keys are made of it, so a long one is replaced by its hash. */
function keyOf(task: AnyTask, input: unknown): string {
  const of = task.limits.concurrency?.key;
  if (of === undefined) return "";
  const key: unknown = of(input as never);
  if (typeof key !== "string") {
    throw new LovageError("TASK_INVALID", `task ${task.name}: concurrencyKey returned no text`, {
      field: "concurrencyKey",
      value: key,
      hint: "make it a function from the input to a string",
    });
  }
  return key.length <= 100 ? key : createHash("sha256").update(key).digest("hex");
}
