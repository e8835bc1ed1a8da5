/** A worker of BullMQ alone: `bullmq-worker.ts '{"concurrency":4,…}'`, with BullMQ's own options. */

import { enableCompileCache } from "node:module";
import type { Job, WorkerOptions } from "bullmq";

// As Lovage's program does, so that neither start is compared with the other's translation of TypeScript.
enableCompileCache();
const [{ Redis }, { Worker }, { prefix }] = await Promise.all([
  import("ioredis"),
  import("bullmq"),
  import("./bullmq-keys.ts"),
]);

const options = JSON.parse(process.argv[2] ?? "") as Partial<WorkerOptions>;
const name = "bench";
const connection = new Redis(process.env["BENCH_REDIS_URL"] ?? "", { maxRetriesPerRequest: null });

/** The parts of flows; all else is a ping. */
async function sum(job: Job): Promise<number> {
  const values = job.name === "first" ? {} : await job.getChildrenValues<number>();
  return Object.values(values).reduce((all, each) => all + each, (job.data as { plus: number }).plus);
}

const worker = new Worker(
  "default",
  async (job) => (job.name === "first" || job.name === "sum" ? sum(job) : { status: "pong", worker: name }),
  { ...options, connection, prefix, name },
);
await worker.waitUntilReady();
process.send?.({ type: "ready" });

process.once("SIGTERM", async () => {
  await worker.close();
  connection.disconnect();
});
