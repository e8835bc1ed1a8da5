/** Enqueue to result, one call after another: Lovage's client and worker against BullMQ's own. */

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { Queue, QueueEvents } from "bullmq";
import { createClient } from "#client";
import { catalogue, type Tasks } from "#tasks";
import { readArguments } from "./arguments.ts";
import { pingData, pingName, pingOptions } from "./equal-options.ts";
import { onGround } from "./ground.ts";
import { printReport, say } from "./report.ts";
import { median, quantile } from "./statistics.ts";
import { type Side, sides, startWorker } from "./worker-child.ts";

const method =
  "One caller, one worker (a process of its own) a side; blocks of calls alternate between the sides after a warm-up. " +
  "Raw is `queue.add` and `job.waitUntilFinished(queueEvents)`; Lovage is `client.enqueue` and `job.result()`.";

const { json, counts } = readArguments({
  calls: { normal: 4000, quick: 200 },
  rounds: { normal: 10, quick: 4 },
  "warm-up": { normal: 2000, quick: 200 },
});

await onGround(async (ground) => {
  const compileCache = join(ground.folder, "compile-cache");
  const start = (side: Side) =>
    startWorker(side, ground, { prefix: side, queues: ["default"], compileCache });
  const workers = [await start("lovage"), await start("raw")];

  const client = createClient<Tasks>({ redis: { url: ground.url, prefix: "lovage" }, catalogue });
  const queue = new Queue("default", { connection: ground.redis, prefix: "raw" });
  const connection = ground.redis.duplicate();
  const events = new QueueEvents("default", { connection, prefix: "raw" });
  await events.waitUntilReady();

  const call: Record<Side, () => Promise<unknown>> = {
    async lovage() {
      const job = await client.enqueue("tasks.simple_tasks.ping", {});
      return job.result({ timeout: "30s" });
    },
    async raw() {
      const job = await queue.add(pingName, pingData, pingOptions(randomUUID()));
      return job.waitUntilFinished(events, 30_000);
    },
  };

  async function block(side: Side, calls: number): Promise<number[]> {
    const times: number[] = [];
    for (let index = 0; index < calls; index += 1) {
      const begun = performance.now();
      await call[side]();
      times.push(performance.now() - begun);
    }
    return times;
  }

  say("round trips, warming up …");
  for (const side of sides) await block(side, counts["warm-up"]);
  const all: Record<Side, number[]> = { lovage: [], raw: [] };
  const rounds: Record<Side, { p50: number; p99: number }>[] = [];
  for (let round = 1; round <= counts.rounds; round += 1) {
    const size = Math.ceil(counts.calls / counts.rounds);
    const figures = { lovage: { p50: 0, p99: 0 }, raw: { p50: 0, p99: 0 } };
    for (const side of round % 2 === 0 ? sides.toReversed() : sides) {
      const times = await block(side, size);
      all[side].push(...times);
      figures[side] = { p50: median(times), p99: quantile(times, 0.99) };
    }
    rounds.push(figures);
    const { lovage, raw } = figures;
    say(
      `round ${round} of ${counts.rounds}: p50 Lovage ${lovage.p50.toFixed(2)} ms, raw ${raw.p50.toFixed(2)} ms`,
    );
  }

  await Promise.all([client.close(), queue.close(), events.close()]);
  // BullMQ leaves a connection that it was given open.
  connection.disconnect();
  await Promise.all(workers.map((worker) => worker.stop()));
  const p99 = { lovage: quantile(all.lovage, 0.99), raw: quantile(all.raw, 0.99) };
  printReport(
    {
      benchmark: "round-trip",
      method,
      findings: [
        {
          what: "enqueue to result, p50",
          unit: "ms",
          lovage: median(all.lovage),
          baseline: median(all.raw),
          ratio: median(rounds.map(({ lovage, raw }) => lovage.p50 / raw.p50)),
          goal: { on: "ratio", sense: "most", bound: 1.3 },
        },
        {
          what: "enqueue to result, p99",
          unit: "ms",
          lovage: p99.lovage,
          baseline: p99.raw,
          ratio: p99.lovage / p99.raw,
          goal: null,
        },
      ],
      rounds,
    },
    json,
  );
});
