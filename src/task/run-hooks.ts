import { untilAborted } from "../core/abort.ts";
import { LovageError } from "../core/errors.ts";
import type { CallMeta } from "./codec.ts";
import type { TaskContext } from "./context.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Attempt, Delivery, Outcome } from "./execute.ts";
import { type Hooks, type OnHookFault, type Run, tell } from "./hooks.ts";

/** A job of which hooks are told, running or not. */
export type ToldJob = Omit<Delivery, "firstStart">;

/** The hooks around the attempts of a worker. */
export interface RunHookRunner {
  /** Runs `next`, the attempt itself, within the hooks. */
  around(attempt: Attempt, next: () => Promise<unknown>): Promise<unknown>;
  /** Tells how an attempt ended; of one that only stands still nothing is told. Never rejects. */
  ended(job: ToldJob, outcome: Outcome): Promise<void>;
}

export interface RunHookParts {
  workerName: string;
  dependencies: Dependencies;
  onFault: OnHookFault;
}

const names = ["beforeRun", "aroundRun", "afterRun", "onRetry", "onFailure", "onCancelled"] as const;

/** Undefined when none of the hooks has to do with runs, so that attempts need not pass any. */
export function createRunHooks(all: readonly Hooks[], parts: RunHookParts): RunHookRunner | undefined {
  const hooks = all.filter((set) => names.some((name) => set[name] !== undefined));
  if (hooks.length === 0) return undefined;
  const runs = new WeakMap<ToldJob, Run>();

  function runOf(job: ToldJob, input: unknown, meta: CallMeta, signal: AbortSignal): Run {
    const { workerName, dependencies } = parts;
    return { job: jobFacts(job, meta), input, worker: { name: workerName }, signal, dependencies };
  }

  function layered(run: Run, next: () => Promise<unknown>): Promise<unknown> {
    const from = async (index: number): Promise<unknown> => {
      const set = hooks[index];
      if (set === undefined) return next();
      await set.beforeRun?.(run);
      return set.aroundRun === undefined ? from(index + 1) : set.aroundRun(run, () => from(index + 1));
    };
    return from(0);
  }

  return {
    async around({ call, input, delivery, signals }, next) {
      const run = runOf(delivery, input, call.meta, signals.task);
      runs.set(delivery, run);
      let running: Promise<unknown> | undefined;
      let over = false;
      // Neither a hook that calls `next` twice nor one that wakes up too late may run a task.
      const once = async () => {
        if (over && running === undefined) throw new LovageError("UNEXPECTED", "the attempt is over");
        running ??= next();
        return running;
      };
      try {
        return await untilAborted(layered(run, once), signals.over);
      } finally {
        over = true;
        // A hook that hangs is left behind; the attempt itself ends as it must: a Ray job is still being stopped.
        await running?.catch(() => {});
      }
    },
    async ended(job, outcome) {
      // Data that is no call has no meta; of such a job the hooks hear all the same.
      const { input, meta } = (job.data ?? {}) as { input?: unknown; meta?: CallMeta };
      const run = runs.get(job) ?? runOf(job, input, plainMeta(meta), job.signal);
      const { onFault } = parts;
      if (outcome.type === "completed") {
        await tell(hooks, "afterRun", (hook) => hook(run, outcome.output), onFault);
      } else if (outcome.type === "retry") {
        await tell(hooks, "onRetry", (hook) => hook(run, outcome.error), onFault);
      } else if (outcome.type === "failed" || outcome.type === "expired") {
        await tell(hooks, "onFailure", (hook) => hook(run, outcome.error), onFault);
      } else if (outcome.type === "cancelled") {
        await tell(hooks, "onCancelled", (hook) => hook(run, outcome.error), onFault);
      }
    },
  };
}

/** What a task and hooks see of a job. */
export function jobFacts(job: Omit<ToldJob, "data" | "signal">, meta: CallMeta): TaskContext["job"] {
  const { id, task, queue, attempt, attempts, fence } = job;
  const { tags = [], metadata = {}, headers = {} } = meta;
  const enqueuedAt = new Date(job.enqueuedAt);
  return { id, task, queue, attempt, attempts, fence, enqueuedAt, tags, metadata, headers };
}

function plainMeta(meta: unknown): CallMeta {
  return typeof meta === "object" && meta !== null ? (meta as CallMeta) : {};
}
