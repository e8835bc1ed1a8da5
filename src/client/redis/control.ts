import type { Duration } from "../../core/durations.ts";
import { LovageError } from "../../core/errors.ts";
import { findQueue } from "../../queue/broker.ts";
import { cancelJob } from "../../queue/cancellation.ts";
import { type AskOptions, unknownWorker } from "../../queue/control.ts";
import { clearLimitOverride, setRateLimit, setTimeLimit } from "../../queue/limit-overrides.ts";
import { cancelMany, pauseQueue, purgeQueue, resumeQueue } from "../../queue/queue-control.ts";
import { forgetWorker, readRegistry } from "../../queue/registry.ts";
import { isDead } from "../../queue/workers.ts";
import type { Control } from "../control.ts";
import type { Reach } from "./reach.ts";

export function createControl({ bounded, patiently, ask }: Reach): Control {
  async function setLimit(
    task: string,
    kind: "rate" | "time",
    set: (...given: Parameters<typeof clearLimitOverride>) => Promise<void>,
    options: AskOptions | undefined,
  ) {
    await bounded(async ({ broker, directory }) => {
      await directory.get(task);
      await set(broker, task, kind);
    });
    return ask("load-limits", {}, options);
  }

  return {
    cancel: (id, { queue, reason = "cancelled by an operator" } = {}) =>
      bounded(async ({ broker }) =>
        cancelJob(broker, { queue: queue ?? (await findQueue(broker, id)), id }, reason),
      ),
    cancelMany: (filter, options) => patiently(({ broker }) => cancelMany(broker, filter, options)),
    purge: (queue) => patiently(({ broker }) => purgeQueue(broker, queue)),
    rateLimit: (task, rate, options) =>
      setLimit(
        task,
        "rate",
        rate === "default" ? clearLimitOverride : (broker) => setRateLimit(broker, task, rate),
        options,
      ),
    timeLimit: async (task, limits, options) => {
      const given = typeof limits === "object" ? toTimeLimits(limits) : limits;
      const set =
        given === "default"
          ? clearLimitOverride
          : (broker: Parameters<typeof setTimeLimit>[0]) => setTimeLimit(broker, task, given);
      return setLimit(task, "time", set, options);
    },
    concurrency: (concurrency, { queue, ...options } = {}) =>
      ask("concurrency", { concurrency, ...(queue && { queue }) }, options),
    pauseQueue: (queue) => bounded(({ broker }) => pauseQueue(broker, queue)),
    resumeQueue: (queue) => bounded(({ broker }) => resumeQueue(broker, queue)),
    pauseWorkers: ({ queue, ...options } = {}) => ask("pause", { ...(queue && { queue }) }, options),
    resumeWorkers: ({ queue, ...options } = {}) => ask("resume", { ...(queue && { queue }) }, options),
    addQueue: (queue, { concurrency, ...options } = {}) =>
      ask("add-queue", { queue, ...(concurrency !== undefined && { concurrency }) }, options),
    removeQueue: (queue, options) => ask("remove-queue", { queue }, options),
    shutdown: (options) => ask("shutdown", {}, options),
    forget: (name) =>
      bounded(async ({ broker }) => {
        const known = await readRegistry(broker);
        const worker = known.find((candidate) => candidate.name === name);
        if (worker === undefined) {
          throw unknownWorker(
            name,
            known.map((candidate) => candidate.name),
          );
        }
        if (isDead(worker)) await forgetWorker(broker, worker);
        else {
          throw new LovageError("INPUT_INVALID", `worker ${name} is alive`, {
            field: "worker",
            value: name,
            hint: "only dead ones are forgotten; shutdown stops it, and it then takes itself out",
          });
        }
      }),
  };
}

function toTimeLimits({ soft, hard }: { soft?: Duration; hard?: Duration }): {
  softTimeLimit?: Duration;
  timeLimit?: Duration;
} {
  if (soft === undefined && hard === undefined) {
    throw new LovageError("INPUT_INVALID", "neither a soft nor a hard time limit is given", {
      field: "limits",
      hint: 'give { soft: "30s" }, { hard: "1m" } or both, "off", or "default"',
    });
  }
  return {
    ...(soft !== undefined && { softTimeLimit: soft }),
    ...(hard !== undefined && { timeLimit: hard }),
  };
}
