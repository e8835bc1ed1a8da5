import { type Duration, toMilliseconds } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import type { Progress } from "../core/progress.ts";
import type { JobState } from "../core/states.ts";
import { inTime } from "../core/timers.ts";
import type { EventCursor, LiveEvent } from "../queue/live-event.ts";
import type { JobSnapshot } from "../queue/snapshot.ts";
import type { JobAccess, PlacedJob } from "./backend.ts";
import { type Ending, endingOf } from "./ending.ts";
import { endable } from "./iteration.ts";

/** One job, as its caller holds it. */
export interface JobHandle<Output = unknown> {
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  /** @throws LovageError `JOB_NOT_FOUND` */
  state(): Promise<JobState>;
  /** All that is known of the job now. */
  snapshot(): Promise<JobSnapshot>;
  /** Progress as it comes, the present one first; ends when the job does. */
  progress(): AsyncIterableIterator<Progress>;
  /**
   * What happens to the job from now on (or from an event's `cursor` on), and then its end, which ends the iteration
   * too; of a job that has ended already that alone. Survives a restart of Redis.
   * @throws LovageError `JOB_NOT_FOUND`
   */
  events(options?: { since?: EventCursor }): AsyncIterableIterator<LiveEvent>;
  /** Lines of the job's log: those there are, or with `follow` also those that come until the job ends. */
  logs(options?: { follow?: boolean }): AsyncIterableIterator<string>;
  /**
   * Waits for the job's end, told by an event or found by a look every 2 s (over HTTP: by long polls). Of a job with `ignoreResult` it is undefined.
   * @param options.timeout how long at most; default "1h"
   * @throws LovageError the job's own error when it failed, was cancelled or expired; `WAIT_TIMEOUT` when it is not
   * done in time (it goes on); `JOB_NOT_FOUND`
   */
  result(options?: { timeout?: Duration }): Promise<Output>;
  /** Cancels the job, waiting or running; a Ray job is stopped on the cluster. */
  cancel(reason?: string): Promise<"cancelled" | "cancelling" | "ended">;
  /**
   * Removes the ended job with its result and log before retention does.
   * @throws LovageError `JOB_NOT_ENDED`, `JOB_NOT_FOUND`
   */
  forget(): Promise<void>;
}

/** How much later than its deadline a wait ends when its last look is not answered, in milliseconds. */
const lookGrace = 500;

export function createHandle<Output>(jobs: JobAccess, job: PlacedJob): JobHandle<Output> {
  const { id, task, queue } = job;

  /** What there is when the caller's time is over. @throws LovageError `WAIT_TIMEOUT` */
  async function lastLook(timeout: Duration, milliseconds: number): Promise<Ending> {
    const snapshot = await inTime(jobs.snapshot(job), lookGrace);
    const ending = snapshot && endingOf(snapshot);
    if (ending !== undefined) return ending;
    const is = snapshot?.state ?? "in a state that was not told";
    throw new LovageError("WAIT_TIMEOUT", `job ${id} is ${is} after ${milliseconds} ms; it goes on`, {
      field: "timeout",
      value: timeout,
      hint: "wait again with client.get(id), or cancel it",
    });
  }

  return {
    id,
    task,
    queue,
    snapshot: () => jobs.snapshot(job),
    state: async () => (await jobs.snapshot(job)).state,
    progress: () => endable((over) => jobs.progress(job, over)),
    events: ({ since } = {}) => endable((over) => jobs.events(job, since, over)),
    logs: ({ follow = false } = {}) => endable((over) => jobs.logs(job, follow, over)),
    async result({ timeout = "1h" } = {}) {
      const milliseconds = toMilliseconds(timeout, "timeout");
      // Who does not answer keeps every look waiting; the caller's own deadline does not wait for that.
      const over = new AbortController();
      try {
        const told = await inTime(jobs.ended(job, milliseconds, over.signal), milliseconds);
        const ended = told ?? (await lastLook(timeout, milliseconds));
        if ("error" in ended) throw LovageError.fromRecord(ended.error);
        return ended.output as Output;
      } finally {
        // A reason of its own: by default each would be an exception with a stack.
        over.abort("over");
      }
    },
    forget: () => jobs.forget(job),
    cancel: (reason = "cancelled by the caller") => jobs.cancel(job, reason),
  };
}
