import { DelayedError, type Job, UnrecoverableError, WaitingChildrenError, WaitingError } from "bullmq";
import { backoffDelay } from "../core/backoff.ts";
import type { Call } from "../task/codec.ts";
import type { RetryPolicy } from "../task/definition.ts";
import type { Outcome } from "../task/execute.ts";
import type { Broker } from "./broker.ts";
import type { ErrorRecords } from "./failures.ts";

/** The queue whose jobs end. */
interface Queue {
  broker: Broker;
  queue: string;
  /** Takes what BullMQ is to write with a failure. */
  errors: ErrorRecords;
}

/** Turns an outcome that is no result into what BullMQ understands. */
export async function end(
  queue: Queue,
  job: Job,
  token: string,
  outcome: Exclude<Outcome, { type: "completed" }>,
): Promise<never> {
  if (outcome.type === "waiting-children") throw new WaitingChildrenError();
  if (outcome.type === "postponed") {
    const park = async () => {
      await job.moveToDelayed(Date.now() + outcome.milliseconds, token);
      await outcome.parked?.();
    };
    return handBackUnstarted(queue, job, token, park, new DelayedError());
  }
  const { error, type } = outcome;
  if (type === "handed-back") {
    // With the lock lost the job is no longer ours to move; whoever has the lock goes on.
    if (error.code === "WORKER_STOPPING") await job.moveToWait(token);
    throw new WaitingError();
  }
  queue.errors.set(job.id ?? "", JSON.stringify(error.toRecord()));
  const reason = `${error.code}: ${error.message}`;
  const thrown =
    outcome.type === "retry" ? new RetryError(reason, outcome.delay) : new UnrecoverableError(reason);
  if (error.stack !== undefined) thrown.stack = error.stack;
  throw thrown;
}

/** Puts a job back that was taken but not begun. */
export async function handBackUnstarted(
  { broker, queue }: Omit<Queue, "errors">,
  job: Job,
  token: string,
  move: () => Promise<unknown>,
  moved: WaitingError | DelayedError,
): Promise<never> {
  // BullMQ counts a fetch as a start; an expiry must still find that the job never started.
  const id = job.id ?? "";
  await broker.redis.lovageUnstart(broker.keys.job(queue, id), broker.keys.lock(queue, id), token);
  await move();
  throw moved;
}

/** A failure with another attempt to come; `delay` milliseconds later where the task said so. */
class RetryError extends Error {
  readonly delay: number | undefined;
  constructor(message: string, delay: number | undefined) {
    super(message);
    this.delay = delay;
  }
}

/** Milliseconds; -1 tells BullMQ that there is no next attempt. */
export function retryDelay(
  policyOf: (task: string) => RetryPolicy | undefined,
  attempt: number,
  error: unknown,
  job: Pick<Job, "data" | "name"> | undefined,
): number {
  if (error instanceof RetryError && error.delay !== undefined) return error.delay;
  // Data that is no call fails for good before anything asks here.
  const asked = (job?.data as Partial<Call> | undefined)?.meta?.backoff;
  if (asked !== undefined) return backoffDelay(asked, attempt);
  const policy = policyOf(job?.name ?? "");
  return policy === undefined ? -1 : backoffDelay({ delay: policy.backoff, max: policy.maxBackoff }, attempt);
}
