import { setTimeout as pause } from "node:timers/promises";
import type { Ground } from "./ground.ts";
import { say } from "./report.ts";
import type { WorkerChild } from "./worker-child.ts";

export interface Drained {
  jobsPerSecond: number;
  /** CPU time of the worker's process for one job, in microseconds. */
  cpuMicroseconds: number;
}

/** How a drain is timed, for a report. */
export const drainMethod =
  "The jobs wait before the worker starts. Measured on all sides alike: from the first to the last `finishedOn`, which " +
  "BullMQ's worker stamps on each job and which are the scores of the sorted set `completed`; medians of interleaved rounds.";

/** Lets a worker drain the queue "default" of a prefix, on which so many jobs wait, and stops it. */
export async function drainWaiting(
  { redis }: Ground,
  { prefix, jobs, who }: { prefix: string; jobs: number; who: string },
  start: () => Promise<WorkerChild>,
): Promise<Drained> {
  const key = (name: string) => `${prefix}:default:${name}`;
  const worker = await start();
  // Looked at early: retention removes the first jobs while the last ones run.
  let first = Number.NaN;
  while (Number.isNaN(first)) {
    const [id] = await redis.zrange(key("completed"), "0", "0");
    if (id !== undefined) first = Number(await redis.zscore(key("completed"), String(id)));
  }
  const cpuBefore = worker.cpuSeconds();
  for (let told = Date.now(); ; await pause(25)) {
    const [waiting, active] = await Promise.all([redis.llen(key("wait")), redis.llen(key("active"))]);
    if (waiting + active === 0) break;
    if (Date.now() - told < 2000) continue;
    told = Date.now();
    say(`${who}: ${waiting} of ${jobs} still wait`);
  }
  const cpuSeconds = worker.cpuSeconds() - cpuBefore;
  const last = Number((await redis.zrevrange(key("completed"), 0, 0, "WITHSCORES"))[1]);
  const failed = await redis.zcard(key("failed"));
  const delayed = await redis.zcard(key("delayed"));
  if (failed + delayed > 0) throw new Error(`${failed} of ${who}'s jobs failed, ${delayed} were put aside`);
  await worker.stop();
  return {
    jobsPerSecond: (jobs - 1) / ((last - first) / 1000),
    cpuMicroseconds: (cpuSeconds / jobs) * 1e6,
  };
}
