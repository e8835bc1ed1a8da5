import { setTimeout as pause } from "node:timers/promises";
import type { Child } from "./child.ts";
import type { Ground } from "./ground.ts";
import type { Client, Peer, WorkerOptions } from "./peer.ts";

export interface Drained {
  jobsPerSecond: number;
  /** CPU time of the workers for one job, in microseconds. */
  cpuMicroseconds: number;
  /** Resident memory of the workers at the end, in bytes. */
  residentBytes: number;
}

/** How a drain is timed, for the document. */
export const drainMethod =
  "The jobs wait in Redis, out of the workers' sight, until all workers are up; then they are given to them at once. Timed on all peers " +
  "alike, by looks at Redis every 3 ms: from a tenth of the jobs done to all of them done.";

/** Fills the queue of a peer whose Redis is empty. */
export async function fill(client: Client, jobs: number): Promise<void> {
  if ((await client.bulk(jobs)) === undefined) await client.enqueue(jobs, 20);
}

export interface DrainOptions {
  /** Milliseconds between two looks. Default 3. */
  lookEvery?: number;
  /** Called when all workers are up and none has a job yet. */
  beforeRelease?: () => Promise<void>;
}

/** Lets workers of a peer drain the jobs that wait, so many, and stops them. */
export async function drain(
  ground: Ground,
  peer: Pick<Peer, "hold" | "ended" | "failed" | "startWorker" | "title">,
  jobs: number,
  workers: readonly WorkerOptions[],
  { lookEvery = 3, beforeRelease }: DrainOptions = {},
): Promise<Drained> {
  const release = await peer.hold(ground);
  const started = await Promise.all(workers.map((options) => peer.startWorker(ground, options)));
  try {
    await beforeRelease?.();
    await release();
    return await time(ground, peer, jobs, started, lookEvery);
  } finally {
    await Promise.all(started.map((worker) => worker.stop()));
  }
}

async function time(
  ground: Ground,
  peer: Pick<Peer, "ended" | "failed" | "title">,
  jobs: number,
  workers: readonly Child[],
  lookEvery: number,
): Promise<Drained> {
  const ofAll = (figure: (worker: Child) => number) =>
    workers.reduce((sum, worker) => sum + figure(worker), 0);
  const look = async () => ({ ended: await peer.ended(ground, jobs), at: performance.now() });
  let last = await look();
  let changed = last.at;
  const next = async () => {
    await pause(lookEvery);
    const { ended } = last;
    last = await look();
    if (last.ended !== ended) changed = last.at;
    if (last.at - changed > 30_000)
      throw new Error(`${peer.title} stands still: ${last.ended} of ${jobs} jobs are done`);
  };
  while (last.ended < jobs / 10) await next();
  const first = last;
  const cpuBefore = ofAll((worker) => worker.cpuSeconds());
  while (last.ended < jobs) await next();
  const cpuSeconds = ofAll((worker) => worker.cpuSeconds()) - cpuBefore;
  const residentBytes = ofAll((worker) => worker.residentBytes());
  const failed = await peer.failed(ground);
  if (failed > 0) throw new Error(`${failed} of ${peer.title}'s jobs failed or were put aside`);
  const timed = jobs - first.ended;
  return {
    jobsPerSecond: timed / ((last.at - first.at) / 1000),
    cpuMicroseconds: (cpuSeconds / timed) * 1e6,
    residentBytes,
  };
}
