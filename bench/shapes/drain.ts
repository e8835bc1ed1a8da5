import { drain, drainMethod, fill } from "../drained.ts";
import { type Goal, type Shape, separately } from "../shape.ts";

const goals: readonly Goal[] = [
  { to: "bullmq", sense: "least", bound: 0.95 },
  { to: "celery", sense: "least", bound: 10 },
  { to: "asynq", sense: "least", bound: 1 },
];
const megabyte = 1024 * 1024;

/** What a drain is called, and how many jobs each worker's process runs at once; a peer may have a setting of its own. */
interface Drain {
  name: string;
  title: string;
  workers: readonly number[];
  own?: Record<string, readonly number[]>;
}

function shapeOf({ name, title, workers, own }: Drain): Shape {
  return {
    name,
    method: drainMethod,
    figures: [
      { name, title: `drain, ${title}`, unit: "jobs/s", better: "more", goals },
      { name: `${name}-cpu`, title: `workers' CPU a job, ${title}`, unit: "µs", better: "less" },
      { name: `${name}-memory`, title: `workers' memory under load, ${title}`, unit: "MB", better: "less" },
    ],
    peers: ["lovage", "bullmq", "celery", "asynq"],
    baseline: "bullmq",
    rounds: { normal: 5, quick: 2 },
    open: separately(async (who, { ground, quick, peer: find }) => {
      const peer = find(who);
      const jobs = Math.ceil((quick ? 8000 : 30_000) * peer.share);
      await ground.clear();
      const client = await peer.startClient(ground);
      await fill(client, jobs);
      await client.stop();
      const options = (own?.[who] ?? workers).map((concurrency) => ({ concurrency }));
      const { jobsPerSecond, cpuMicroseconds, residentBytes } = await drain(ground, peer, jobs, options);
      return {
        [name]: jobsPerSecond,
        [`${name}-cpu`]: cpuMicroseconds,
        [`${name}-memory`]: residentBytes / megabyte,
      };
    }),
  };
}

export const drains: readonly Shape[] = [
  { name: "drain-4", title: "concurrency 4", workers: [4] },
  { name: "drain-10", title: "2 + 4 + 4 in three processes", workers: [2, 4, 4] },
  // Of raw BullMQ, Celery and Asynq an earlier sweep on two cores found this best; Lovage has BullMQ's. Celery's is processes.
  { name: "drain-best", title: "best concurrency", workers: [100], own: { celery: [3] } },
].map(shapeOf);
