import type { LovageError } from "../core/errors.ts";
import type { TaskContext } from "./context.ts";
import type { Dependencies } from "./dependencies.ts";

/** A call on its way into Redis. */
export interface OutgoingCall {
  readonly task: string;
  readonly queue: string;
  readonly input: unknown;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  /** What travels with the job and its run finds in `context.job.headers`: add to it. At most 8 KiB in all. */
  readonly headers: Record<string, string>;
}

/** Hooks around enqueuing, in a client or, for what tasks enqueue, in a worker. */
export interface EnqueueHooks {
  /** Before the call is sent. What it throws refuses the call, and with it all calls of the same `enqueueMany`. */
  beforeEnqueue?(call: OutgoingCall): void | Promise<void>;
  /** When Redis has the job. What it throws is reported and changes nothing. */
  afterEnqueue?(call: OutgoingCall, job: { id: string; queue: string }): void | Promise<void>;
}

/** One attempt of a job. */
export interface Run {
  readonly job: TaskContext["job"];
  /** As the task's schema made it; as it came where the job was over before its input was read. */
  readonly input: unknown;
  readonly worker: { readonly name: string };
  /** The signal that the task hears. */
  readonly signal: AbortSignal;
  readonly dependencies: Dependencies;
}

/** Hooks around the attempts that a worker runs, Ray tasks included. */
export interface RunHooks {
  /** Before the task begins. What it throws fails the attempt as the task's own error would. */
  beforeRun?(run: Run): void | Promise<void>;
  /**
   * Runs the rest: hooks registered later, then the task. For what must surround it, such as an AsyncLocalStorage or a
   * span. What it returns is the task's result, and what it throws the task's error.
   * @example aroundRun: (run, next) => storage.run(run.job.headers, next)
   */
  aroundRun?<Result>(run: Run, next: () => Promise<Result>): Promise<Result>;
  /** The attempt completed; the output is checked, and undefined where results are ignored. */
  afterRun?(run: Run, output: unknown): void | Promise<void>;
  /** The attempt failed and another one comes. */
  onRetry?(run: Run, error: LovageError): void | Promise<void>;
  /** The job failed for good, or expired (`JOB_EXPIRED`). */
  onFailure?(run: Run, error: LovageError): void | Promise<void>;
  /** The job was cancelled, while it ran or before. */
  onCancelled?(run: Run, error: LovageError): void | Promise<void>;
}

/** What a worker's life-cycle hooks are told of it. */
export interface WorkerFacts {
  readonly name: string;
  readonly queues: readonly string[];
  readonly dependencies: Dependencies;
}

/** Hooks of a worker's life. What they throw is logged and changes nothing. */
export interface LifecycleHooks {
  /** Before anything of it is started. */
  onStart?(worker: WorkerFacts): void | Promise<void>;
  /** It takes jobs. */
  onReady?(worker: WorkerFacts): void | Promise<void>;
  /** It was told to stop; jobs still run. */
  onStopping?(worker: WorkerFacts): void | Promise<void>;
  /** All its jobs have ended or were handed back. */
  onStopped?(worker: WorkerFacts): void | Promise<void>;
}

/**
 * One set of hooks, any of which may be left out. Of several sets the first is outermost: its `before…` and `around…`
 * come first, its `after…` and `on…` last.
 */
export interface Hooks extends EnqueueHooks, RunHooks, LifecycleHooks {}

/** Hears of a hook that failed where that changes nothing. */
export type OnHookFault = (hook: keyof Hooks, error: unknown) => void;

/** A hook that only hears of something may take so long, in milliseconds; then the work goes on without it. */
export const hookPatience = 10_000;

/** Tells every hook of a name, the last one first. Never rejects. */
export async function tell<Name extends keyof Hooks>(
  hooks: readonly Hooks[],
  name: Name,
  call: (hook: NonNullable<Hooks[Name]>) => unknown,
  onFault: OnHookFault,
): Promise<void> {
  for (const set of hooks.toReversed()) {
    if (set[name] === undefined) continue;
    try {
      await patiently(call(set[name].bind(set) as NonNullable<Hooks[Name]>));
    } catch (error) {
      onFault(name, error);
    }
  }
}

async function patiently(answer: unknown): Promise<void> {
  if (typeof (answer as PromiseLike<unknown> | undefined)?.then !== "function") return;
  const ended = Promise.resolve(answer);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no end in ${hookPatience} ms`)), hookPatience);
  });
  try {
    await Promise.race([ended, late]);
  } finally {
    clearTimeout(timer);
    ended.catch(() => {});
  }
}
