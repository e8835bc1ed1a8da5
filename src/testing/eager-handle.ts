import type { JobHandle } from "../client/handle.ts";
import { type Duration, toMilliseconds } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import type { LiveEvent } from "../queue/live-event.ts";
import { type EagerJob, hasEnded, snapshotOf } from "./eager-job.ts";

/** What a handle of the eager client can do. */
export type EagerHandle<Output = unknown> = Pick<
  JobHandle<Output>,
  | "id"
  | "task"
  | "queue"
  | "state"
  | "snapshot"
  | "progress"
  | "events"
  | "logs"
  | "result"
  | "cancel"
  | "forget"
>;

export interface EagerHandleParts {
  workerName: string;
  cancel(job: EagerJob, reason: string): "cancelled" | "cancelling" | "ended";
  forget(job: EagerJob): void;
  now(): number;
}

export function createEagerHandle<Output>(job: EagerJob, parts: EagerHandleParts): EagerHandle<Output> {
  /** What is there, and, where the job runs, what comes until it ends. */
  async function* follow<T>(list: readonly T[]): AsyncGenerator<T> {
    for (let next = 0; ; ) {
      const { promise } = job.changed;
      for (; next < list.length; next += 1) yield list[next] as T;
      if (hasEnded(job) || job.state !== "active") return;
      await promise;
    }
  }

  return {
    id: job.id,
    task: job.task,
    queue: job.queue,
    state: async () => job.state,
    snapshot: async () => snapshotOf(job, parts.workerName),
    progress: () => follow(job.records.progress),
    events: (options) => liveEvents(job, parts.now, options?.since),
    logs: ({ follow: on = false } = {}) => (on ? follow(job.records.logs) : all(job.records.logs)),
    async result({ timeout = "1h" } = {}) {
      if (job.state === "active") await endOf(job, timeout);
      if (job.state === "completed") return job.output as Output;
      if (hasEnded(job) && job.error !== undefined) throw LovageError.fromRecord(job.error);
      throw new LovageError("WAIT_TIMEOUT", `job ${job.id} is ${job.state}; nothing runs it by itself`, {
        field: "timeout",
        value: timeout,
        hint:
          job.state === "scheduled" ? "move the clock: client.clock.advance" : "call client.drain() first",
      });
    },
    cancel: async (reason = "cancelled by the caller") => parts.cancel(job, reason),
    async forget() {
      if (hasEnded(job)) return parts.forget(job);
      throw new LovageError("JOB_NOT_ENDED", `job ${job.id} is ${job.state}`, { field: "id", value: job.id });
    },
  };
}

/** What happens from now on, and the end; of a job that has ended that alone. */
async function* liveEvents(
  job: EagerJob,
  now: () => number,
  since: string | undefined,
): AsyncGenerator<LiveEvent> {
  if (since !== undefined) {
    const hint = "begin to iterate before the job runs";
    throw new LovageError("INPUT_INVALID", "the eager client keeps no events", { field: "since", hint });
  }
  const { id, task, queue } = job;
  const happening = () => ({ id, task, queue, at: new Date(now()), cursor: "" });
  let told = job.records.progress.length;
  for (let state = job.state; ; state = job.state) {
    const { promise } = job.changed;
    for (; told < job.records.progress.length; told += 1) {
      const progress = job.records.progress[told];
      if (progress !== undefined) yield { ...happening(), type: "progress", progress };
    }
    if (state === "completed") yield { ...happening(), type: state, output: job.output };
    if (state === "failed" || state === "cancelled" || state === "expired") {
      const { code = "JOB_FAILED", message = "" } = job.error ?? {};
      yield { ...happening(), type: state, error: { code, message } };
    }
    if (hasEnded(job) && job.state === state) return;
    if (job.state === state) await promise;
    if (job.state === "active" && state !== "active") yield { ...happening(), type: "active" };
  }
}

async function* all<T>(list: readonly T[]): AsyncGenerator<T> {
  yield* list;
}

/** Waits in real time, since the task itself does. */
async function endOf(job: EagerJob, timeout: Duration): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(toMilliseconds(timeout, "timeout"), 2 ** 31 - 1)).unref();
  });
  let late = false;
  void over.then(() => {
    late = true;
  });
  while (!hasEnded(job) && !late) await Promise.race([job.changed.promise, over]);
  clearTimeout(timer);
}
