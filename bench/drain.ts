/** Draining waiting pings at concurrency 4: Lovage's worker against a raw BullMQ worker with the same options. */

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Queue } from "bullmq";
import { createClient } from "#client";
import { catalogue, type Tasks } from "#tasks";
import { readArguments } from "./arguments.ts";
import { pingData, pingName, pingOptions } from "./equal-options.ts";
import { type Ground, onGround } from "./ground.ts";
import { printReport, say } from "./report.ts";
import { median } from "./statistics.ts";
import { type Side, sides, startWorker } from "./worker-child.ts";

const method =
  "The jobs wait before the worker starts. Measured on both sides alike: from the first to the last `finishedOn`, which " +
  "BullMQ's worker stamps on each job and which are the scores of the sorted set `completed`; medians of interleaved rounds.";

const { json, counts } = readArguments({
  jobs: { normal: 20_000, quick: 4_000 },
  rounds: { normal: 5, quick: 3 },
});
const chunk = 1000;

async function addJobs(side: Side, ground: Ground, prefix: string): Promise<void> {
  const redis = { url: ground.url, prefix };
  const sizes = Array.from({ length: Math.ceil(counts.jobs / chunk) }, (_, index) =>
    Math.min(chunk, counts.jobs - index * chunk),
  );
  if (side === "lovage") {
    const client = createClient<Tasks>({ redis, catalogue });
    const call = { task: "tasks.simple_tasks.ping", input: {} } as const;
    for (const size of sizes) await client.enqueueMany(Array.from({ length: size }, () => call));
    await client.close();
    return;
  }
  const queue = new Queue("default", { connection: ground.redis, prefix });
  const job = () => ({ name: pingName, data: pingData, opts: pingOptions(randomUUID()) });
  for (const size of sizes) await queue.addBulk(Array.from({ length: size }, job));
  await queue.close();
}

interface Drained {
  jobsPerSecond: number;
  /** CPU time of the worker's process for one job, in microseconds. */
  cpuMicroseconds: number;
}

async function drain(side: Side, ground: Ground, round: number): Promise<Drained> {
  const prefix = `${side}-${round}`;
  const key = (name: string) => `${prefix}:default:${name}`;
  const { redis } = ground;
  await ground.clear();
  await addJobs(side, ground, prefix);
  const compileCache = join(ground.folder, "compile-cache");
  const worker = await startWorker(side, ground, { prefix, queues: ["default"], compileCache });
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
    say(`${side}: ${waiting} of ${counts.jobs} still wait`);
  }
  const cpuSeconds = worker.cpuSeconds() - cpuBefore;
  const last = Number((await redis.zrevrange(key("completed"), 0, 0, "WITHSCORES"))[1]);
  const failed = await redis.zcard(key("failed"));
  if (failed > 0) throw new Error(`${failed} of ${side}'s jobs failed`);
  await worker.stop();
  return {
    jobsPerSecond: (counts.jobs - 1) / ((last - first) / 1000),
    cpuMicroseconds: (cpuSeconds / counts.jobs) * 1e6,
  };
}

await onGround(async (ground) => {
  const rounds: Record<Side, Drained>[] = [];
  for (let round = 1; round <= counts.rounds; round += 1) {
    const drained: Partial<Record<Side, Drained>> = {};
    // Who goes first changes: the machine may be slower or faster from one minute to the next.
    for (const side of round % 2 === 0 ? sides.toReversed() : sides) {
      say(`draining, round ${round} of ${counts.rounds}: ${side} …`);
      drained[side] = await drain(side, ground, round);
    }
    const { lovage, raw } = drained;
    if (lovage === undefined || raw === undefined) continue;
    rounds.push({ lovage, raw });
    const ratio = lovage.jobsPerSecond / raw.jobsPerSecond;
    say(
      `Lovage ${lovage.jobsPerSecond.toFixed(0)}/s, raw ${raw.jobsPerSecond.toFixed(0)}/s: ${ratio.toFixed(2)}`,
    );
  }
  const finding = (of: (drained: Drained) => number) => ({
    lovage: median(rounds.map(({ lovage }) => of(lovage))),
    baseline: median(rounds.map(({ raw }) => of(raw))),
    ratio: median(rounds.map(({ lovage, raw }) => of(lovage) / of(raw))),
  });
  printReport(
    {
      benchmark: "drain",
      method,
      findings: [
        {
          what: `drain ${counts.jobs.toLocaleString("en-US")} pings, concurrency 4`,
          unit: "jobs/s",
          ...finding(({ jobsPerSecond }) => jobsPerSecond),
          goal: { on: "ratio", sense: "least", bound: 0.85 },
        },
        {
          what: "worker's CPU time a job",
          unit: "µs",
          ...finding(({ cpuMicroseconds }) => cpuMicroseconds),
          goal: null,
        },
      ],
      rounds,
    },
    json,
  );
});
