import type { JobsOptions, WorkerOptions } from "bullmq";
import { loadConfig } from "../../src/config/index.ts";
import { encodeCall } from "../../src/task/codec.ts";

/** What Lovage's worker gives BullMQ by default, for the raw worker to be given the same. */
export function equalWorkerOptions(): Pick<
  WorkerOptions,
  "lockDuration" | "stalledInterval" | "maxStalledCount" | "removeOnComplete" | "removeOnFail"
> {
  const { worker, retention } = loadConfig([]);
  const { lockDuration } = worker;
  const keep = ({ age, count }: { age: number; count: number }) => ({ age: Math.ceil(age / 1000), count });
  return {
    lockDuration,
    stalledInterval: lockDuration / 2,
    maxStalledCount: 10,
    removeOnComplete: keep(retention.result),
    removeOnFail: keep(retention.failure),
  };
}

/** The name, the data (to the byte) and the options that Lovage's client gives a ping. */
export const pingName = "tasks.simple_tasks.ping";
export const pingData = encodeCall({}, {});
export const pingOptions = (jobId: string): JobsOptions => ({ jobId, attempts: 1 });
