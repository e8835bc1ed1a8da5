import type { TaskContext } from "../../task/context.ts";
import type { AttemptSignals } from "../../task/time-limits.ts";
import type { RunRequest } from "./messages.ts";
import { type IsolatedRunner, startRunner } from "./runner.ts";

export interface IsolationOptions {
  /** URL of the module that exports `catalogue`, and `dependencies` where tasks have some. */
  catalogueUrl: string;
  /** So many attempts one process runs, then a new one takes its place. */
  maxJobs: number;
  /** A process that holds more bytes after an attempt is replaced. */
  maxMemory: number;
}

/** The processes of a worker's isolated tasks: started when one is needed, kept warm, replaced when used up. */
export interface IsolationPool {
  run(request: RunRequest, context: TaskContext, signals: AttemptSignals): Promise<unknown>;
  stop(): Promise<void>;
}

export function createIsolationPool({ catalogueUrl, maxJobs, maxMemory }: IsolationOptions): IsolationPool {
  // As many as ever ran at once: the worker's slots are the limit.
  const idle: IsolatedRunner[] = [];

  function take(): IsolatedRunner {
    for (let runner = idle.pop(); runner !== undefined; runner = idle.pop()) {
      if (runner.usable) return runner;
    }
    return startRunner(catalogueUrl);
  }

  return {
    async run(request, context, signals) {
      const runner = take();
      try {
        return await runner.run(request, context, signals);
      } finally {
        const worn = !runner.usable || runner.runs >= maxJobs || runner.residentBytes > maxMemory;
        // The attempt is over only when nothing of it runs any more.
        if (worn) await runner.end();
        else idle.push(runner);
      }
    },
    async stop() {
      await Promise.all(idle.splice(0).map((runner) => runner.end()));
    },
  };
}
