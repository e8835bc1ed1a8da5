import { inspect } from "node:util";
import type { TaskContext, TaskLogger } from "../../task/context.ts";
import type { Dependencies } from "../../task/dependencies.ts";
import { RetryRequest } from "../../task/retry.ts";
import type { FromChild, RunRequest } from "./messages.ts";

/** What a context in another process is made of. */
export interface RemoteParts {
  request: RunRequest;
  signal: AbortSignal;
  dependencies: Dependencies;
  /** Has the worker do what the name says; settles as it does there. */
  call(name: string, args: readonly unknown[]): Promise<unknown>;
  send(message: FromChild): void;
}

/** The context of an isolated task: the worker's own, called from here. */
export function createRemoteContext(parts: RemoteParts): TaskContext {
  const { request, signal, dependencies } = parts;
  const remote =
    (name: string) =>
    (...args: unknown[]) =>
      parts.call(name, args) as Promise<never>;
  const write =
    (level: keyof TaskLogger): TaskLogger[keyof TaskLogger] =>
    (fields, message) => {
      try {
        parts.send({ type: "log", level, fields, message });
      } catch {
        // Functions and the like cannot go as they are.
        parts.send({ type: "log", level, fields: { fields: inspect(fields) }, message });
      }
    };
  return {
    job: request.job,
    worker: request.worker,
    settings: request.settings,
    signal,
    dependencies,
    logger: { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") },
    progress: remote("progress"),
    log: remote("log"),
    enqueue: remote("enqueue"),
    ray: { run: remote("ray.run") },
    retry: (options) => new RetryRequest(options),
    memory: {
      get: remote("memory.get"),
      set: remote("memory.set"),
      claim: remote("memory.claim"),
      forget: remote("memory.forget"),
    },
    broker: {
      redis: remote("broker.redis"),
      queues: remote("broker.queues"),
      removeEnded: remote("broker.removeEnded"),
      removeLogs: remote("broker.removeLogs"),
    },
    cluster: {
      nodes: remote("cluster.nodes"),
      pendingDemand: remote("cluster.pendingDemand"),
      finishedRayJobs: remote("cluster.finishedRayJobs"),
      deleteRayJob: remote("cluster.deleteRayJob"),
    },
  };
}

/** The worker's side of a call by name. */
export async function callContext(
  context: TaskContext,
  name: string,
  args: readonly unknown[],
): Promise<unknown> {
  const [first = "", second] = name.split(".");
  const part = context[first as "memory"] as unknown as Record<string, (...args: unknown[]) => unknown>;
  if (second === undefined) return (part as unknown as (...args: unknown[]) => unknown)(...args);
  return part[second]?.(...args);
}
