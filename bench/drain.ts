/** Draining waiting pings at concurrency 4: Lovage's worker against a raw BullMQ worker with the same options. */

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { Queue } from "bullmq";
import { createClient } from "#client";
import { catalogue, type Tasks } from "#tasks";
import { readArguments } from "./arguments.ts";
import { type Drained, drainMethod, drainWaiting } from "./drained.ts";
import { pingData, pingName, pingOptions } from "./equal-options.ts";
import { type Ground, onGround } from "./ground.ts";
import { printReport, say } from "./report.ts";
import { median } from "./statistics.ts";
import { type Side, sides, startWorker } from "./worker-child.ts";

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

async function drain(side: Side, ground: Ground, round: number): Promise<Drained> {
  const prefix = `${side}-${round}`;
  await ground.clear();
  await addJobs(side, ground, prefix);
  const compileCache = join(ground.folder, "compile-cache");
  return drainWaiting(ground, { prefix, jobs: counts.jobs, who: side }, () =>
    startWorker(side, ground, { prefix, queues: ["default"], compileCache }),
  );
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
      method: drainMethod,
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
