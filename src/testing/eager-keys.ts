import { isDeepStrictEqual } from "node:util";
import { toMilliseconds } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import type { EnqueueOptions } from "../queue/enqueue-options.ts";
import { type EagerJob, hasEnded } from "./eager-job.ts";

/** What a key of a call says about another job: that it stands for this call, or that it gives way to it. */
export interface KeyedJobs {
  /** The job that a call is the same as. @throws LovageError `IDEMPOTENCY_CONFLICT` */
  same(task: string, input: unknown, options: EnqueueOptions): EagerJob | undefined;
  /** The job that a new call takes the place of. */
  replaced(task: string, options: EnqueueOptions): EagerJob | undefined;
  keep(job: EagerJob, options: EnqueueOptions): void;
}

export function createKeyedJobs(now: () => number): KeyedJobs {
  const idempotent = new Map<string, { job: EagerJob; until: number }>();
  const deduplicated = new Map<string, { job: EagerJob; madeAt: number }>();

  function earlier(task: string, { deduplication }: EnqueueOptions) {
    return deduplication === undefined ? undefined : deduplicated.get(`${task}:${deduplication.key}`);
  }

  return {
    same(task, input, options) {
      const { idempotencyKey, deduplication } = options;
      const kept = idempotencyKey && idempotent.get(`${task}:${readKey(idempotencyKey).key}`);
      if (kept && kept.until > now()) {
        if (isDeepStrictEqual(kept.job.call.input, JSON.parse(JSON.stringify(input)))) return kept.job;
        const { key } = readKey(idempotencyKey);
        throw new LovageError("IDEMPOTENCY_CONFLICT", `the key ${key} was used with another input`, {
          field: "idempotencyKey",
          value: key,
        });
      }
      const entry = earlier(task, options);
      if (deduplication === undefined || entry === undefined) return undefined;
      if (deduplication.mode === "throttle") {
        return entry.madeAt + toMilliseconds(deduplication.ttl, "ttl") > now() ? entry.job : undefined;
      }
      if (deduplication.mode === "debounce" && entry.job.state === "scheduled") return undefined;
      if (deduplication.mode === "keep-last" && entry.job.state !== "active") return undefined;
      return deduplication.mode === "keep-last" || hasEnded(entry.job) ? undefined : entry.job;
    },
    replaced(task, options) {
      const { deduplication } = options;
      const job = earlier(task, options)?.job;
      const waits = job?.state === "scheduled" || job?.state === "waiting";
      const gives = deduplication?.mode === "debounce" || deduplication?.mode === "keep-last";
      return gives && waits ? job : undefined;
    },
    keep(job, { idempotencyKey, deduplication }) {
      if (idempotencyKey !== undefined) {
        const { key, lifetime = "1d" } = readKey(idempotencyKey);
        idempotent.set(`${job.task}:${key}`, { job, until: now() + toMilliseconds(lifetime, "lifetime") });
      }
      if (deduplication !== undefined)
        deduplicated.set(`${job.task}:${deduplication.key}`, { job, madeAt: now() });
    },
  };
}

function readKey(key: NonNullable<EnqueueOptions["idempotencyKey"]>) {
  return typeof key === "string" ? { key } : key;
}
