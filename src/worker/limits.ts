import { LovageError } from "../core/errors.ts";
import type { Rate } from "../core/rate.ts";
import type { Broker } from "../queue/broker.ts";
import { createLimitOverrides, type LimitOverrides } from "../queue/limit-overrides.ts";
import { wakeRateLine } from "../queue/rate-limit.ts";
import type { AnyTask } from "../task/catalogue.ts";
import { type AdmissionDesk, createAdmissionDesk } from "./admission.ts";

export interface LimitParts {
  broker: Broker;
  /** Milliseconds. */
  lockDuration: number;
  onError(error: Error): void;
  /** Told of a job, as `queue:id`, whose slot was lost: it must not go on. */
  onLost(member: string, reason: LovageError): void;
}

/** The limits that hold now: what an operator set goes before the definition. */
export function createLimits({ broker, lockDuration, onError, onLost }: LimitParts): {
  overrides: LimitOverrides;
  desk: AdmissionDesk;
} {
  const overrides = createLimitOverrides(broker, {
    onError,
    // Who waits for the turn that the old rate gave takes one of the new.
    onRate: (task) => void wakeRateLine(broker, task).catch(onError),
  });

  function rateOf(task: AnyTask): Rate | undefined {
    // A workflow is taken again and again.
    if (task.workflow) return undefined;
    const set = overrides.rateLimit(task.name);
    return set === "off" ? undefined : (set ?? task.limits.rate);
  }

  const desk = createAdmissionDesk({
    broker,
    lockDuration,
    rateOf,
    onError: (error) => onError(error instanceof Error ? error : new Error(String(error))),
    onLost(member) {
      onLost(member, new LovageError("LOCK_LOST", "the worker could not renew the job's slot in time"));
    },
  });
  return { overrides, desk };
}
