/** A worker of BullMQ alone, with the options Lovage's has: `raw-worker.ts '{"url":…,"queues":[…],"worker":{…}}'`. */

import { enableCompileCache } from "node:module";
import type { WorkerOptions } from "bullmq";

export interface RawWorkerSettings {
  url: string;
  prefix: string;
  name: string;
  queues: readonly string[];
  concurrency: number;
  worker: Partial<WorkerOptions>;
}

// As Lovage's program does, so that neither start is compared with the other's translation of TypeScript.
enableCompileCache();
const [{ Redis }, { Worker }] = await Promise.all([import("ioredis"), import("bullmq")]);

const settings = JSON.parse(process.argv[2] ?? "") as RawWorkerSettings;
const { url, prefix, name, concurrency } = settings;
const connection = new Redis(url, { maxRetriesPerRequest: null });
const workers = settings.queues.map(
  (queue) =>
    new Worker(queue, async () => ({ status: "pong", worker: name }), {
      ...settings.worker,
      connection,
      prefix,
      name,
      concurrency,
      settings: { backoffStrategy: () => -1 },
    }),
);
await Promise.all(workers.map((worker) => worker.waitUntilReady()));
process.send?.({ type: "ready" });

process.once("SIGTERM", async () => {
  await Promise.all(workers.map((worker) => worker.close()));
  connection.disconnect();
});
