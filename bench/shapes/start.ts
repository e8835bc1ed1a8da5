import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Child } from "../child.ts";
import type { Ground } from "../ground.ts";
import type { Peer } from "../peer.ts";
import { type Shape, separately } from "../shape.ts";

const megabyte = 1024 * 1024;

export const start: Shape = {
  name: "start",
  method:
    "One job waits. From the spawn of a worker with four slots until Redis says that the job is done; then the worker stands idle, and its resident " +
    "memory is read, with what forked processes share counted once. Cold: with an empty cache of translated code, as at the very first start.",
  figures: [
    {
      name: "first-job",
      title: "first job after a start",
      unit: "s",
      better: "less",
      goals: [{ sense: "most", bound: 1.5 }],
    },
    { name: "first-job-cold", title: "first job after a cold start", unit: "s", better: "less" },
    {
      name: "idle-memory",
      title: "memory of an idle worker",
      unit: "MB",
      better: "less",
      goals: [{ sense: "most", bound: 130 }],
    },
  ],
  peers: ["lovage", "bullmq", "celery", "asynq"],
  baseline: "bullmq",
  rounds: { normal: 5, quick: 1 },
  open: separately(async (name, { ground, quick, peer: find }) => {
    const peer = find(name);
    // Fills the cache that the second start finds.
    const cold = await mkdtemp(join(ground.folder, "cold-"));
    const first = await firstJob(ground, peer, cold);
    await first.worker.stop();
    const second = await firstJob(ground, peer, cold);
    await pause(quick ? 1000 : 5000);
    const bytes = second.worker.residentBytes();
    await second.worker.stop();
    return {
      "first-job": second.seconds,
      "first-job-cold": first.seconds,
      "idle-memory": bytes / megabyte,
    };
  }),
};

async function firstJob(
  ground: Ground,
  peer: Peer,
  compileCache: string,
): Promise<{ seconds: number; worker: Child }> {
  await ground.clear();
  const client = await peer.startClient(ground);
  await client.enqueue(1, 1);
  await client.stop();
  const begun = performance.now();
  const starting = peer.startWorker(ground, { concurrency: 4, compileCache });
  // Whoever does not come up is told by the start itself.
  let fault: unknown;
  starting.catch((error: unknown) => {
    fault = error;
  });
  while ((await peer.ended(ground, 1)) < 1 && fault === undefined) await pause(2);
  const seconds = (performance.now() - begun) / 1000;
  return { seconds, worker: await starting };
}
