/** What limits cost that never bind: draining pings without a limit, with a rate, and with a concurrency limit. */

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Queue } from "bullmq";
import { createClient } from "#client";
import { readArguments } from "./arguments.ts";
import { type Drained, drainMethod, drainWaiting } from "./drained.ts";
import { pingData, pingName, pingOptions } from "./equal-options.ts";
import { type Ground, onGround } from "./ground.ts";
import { catalogue, type LimitTasks } from "./limits-catalogue.ts";
import { type Finding, printReport, say } from "./report.ts";
import { median } from "./statistics.ts";
import { startChild, startWorker } from "./worker-child.ts";

const { json, counts } = readArguments({
  jobs: { normal: 10_000, quick: 3_000 },
  rounds: { normal: 5, quick: 3 },
});

const sides = ["raw", "off", "rate", "concurrency", "key"] as const;
type Side = (typeof sides)[number];

async function addJobs(side: Side, ground: Ground, prefix: string): Promise<void> {
  const chunks = Array.from({ length: Math.ceil(counts.jobs / 1000) }, (_, index) =>
    Math.min(1000, counts.jobs - index * 1000),
  );
  if (side === "raw") {
    const queue = new Queue("default", { connection: ground.redis, prefix });
    const job = () => ({ name: pingName, data: pingData, opts: pingOptions(randomUUID()) });
    for (const size of chunks) await queue.addBulk(Array.from({ length: size }, job));
    await queue.close();
    return;
  }
  const client = createClient<LimitTasks>({ redis: { url: ground.url, prefix }, catalogue });
  const call = { task: side, input: {} };
  for (const size of chunks) await client.enqueueMany(Array.from({ length: size }, () => call));
  await client.close();
}

async function drain(side: Side, ground: Ground, round: number): Promise<Drained> {
  const prefix = `${side}-${round}`;
  await ground.clear();
  await addJobs(side, ground, prefix);
  const compileCache = join(ground.folder, "compile-cache");
  const environment = { WORKER_QUEUES: "default", DEFAULT_CONCURRENCY: "4", WORKER_NAME: "bench" };
  const program = fileURLToPath(new URL("limits-worker.ts", import.meta.url));
  return drainWaiting(ground, { prefix, jobs: counts.jobs, who: side }, () =>
    side === "raw"
      ? startWorker("raw", ground, { prefix, queues: ["default"], compileCache })
      : startChild([program], ground, { prefix, compileCache, environment }),
  );
}

await onGround(async (ground) => {
  const rounds: Record<Side, Drained>[] = [];
  for (let round = 1; round <= counts.rounds; round += 1) {
    const drained = {} as Record<Side, Drained>;
    // Who goes first changes: the machine may be slower or faster from one minute to the next.
    for (const side of round % 2 === 0 ? sides.toReversed() : sides) {
      say(`draining, round ${round} of ${counts.rounds}: ${side} …`);
      drained[side] = await drain(side, ground, round);
    }
    rounds.push(drained);
  }
  const compare = (side: Side, baseline: Side, figure: keyof Drained) => ({
    lovage: median(rounds.map((one) => one[side][figure])),
    baseline: median(rounds.map((one) => one[baseline][figure])),
    ratio: median(rounds.map((one) => one[side][figure] / one[baseline][figure])),
  });
  const limits = {
    rate: "a rate limit",
    concurrency: "a concurrency limit",
    key: "a limit per key",
  } as const;
  const findings: Finding[] = [
    {
      what: "pings without a limit, to raw BullMQ",
      unit: "jobs/s",
      ...compare("off", "raw", "jobsPerSecond"),
      goal: { on: "ratio", sense: "least", bound: 0.85 },
    },
    ...(["rate", "concurrency", "key"] as const).flatMap((side): Finding[] => [
      {
        what: `with ${limits[side]} that never binds, to none`,
        unit: "jobs/s",
        ...compare(side, "off", "jobsPerSecond"),
        goal: null,
      },
      {
        what: "the same, worker's CPU time a job",
        unit: "µs",
        ...compare(side, "off", "cpuMicroseconds"),
        goal: null,
      },
    ]),
  ];
  printReport({ benchmark: "limits", method: drainMethod, findings, rounds }, json);
});
