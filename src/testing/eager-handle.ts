import type { JobHandle } from "../client/handle.ts";
import { type Duration, toMilliseconds } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import { type EagerJob, hasEnded, snapshotOf } from "./eager-job.ts";

/** What a handle of the eager client can do. */
export type EagerHandle<Output = unknown> = Pick<
  JobHandle<Output>,
  "id" | "task" | "queue" | "state" | "snapshot" | "progress" | "logs" | "result" | "cancel"
>;

export interface EagerHandleParts {
  workerName: string;
  cancel(job: EagerJob, reason: string): "cancelled" | "cancelling" | "ended";
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
  };
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
