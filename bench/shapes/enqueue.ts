import { type Figure, type Shape, separately } from "../shape.ts";

const inFlight = [
  ["one", 1],
  ["10", 10],
  ["100", 100],
] as const;

const figure = (name: string, title: string): Figure => ({
  name: `enqueue-${name}`,
  title: `enqueue, ${title}`,
  unit: "jobs/s",
  better: "more",
});

export const enqueue: Shape = {
  name: "enqueue",
  method:
    "One client, in a process of its own and warm, and no worker: empty jobs, one awaited call after another, with 10 and with 100 calls " +
    "unanswered at any moment, and with the call for many (1,000 at once) where the peer has one.",
  figures: [
    figure("one", "one by one"),
    { ...figure("10", "10 in flight"), goals: [{ to: "bullmq", sense: "least", bound: 1 }] },
    { ...figure("100", "100 in flight"), goals: [{ to: "bullmq", sense: "least", bound: 1 }] },
    figure("bulk", "bulk"),
  ],
  peers: ["lovage", "bullmq", "celery", "asynq"],
  baseline: "bullmq",
  rounds: { normal: 5, quick: 2 },
  open: separately(async (name, { ground, quick, peer: find }) => {
    const peer = find(name);
    const jobs = Math.ceil((quick ? 4000 : 20_000) * peer.share);
    await ground.clear();
    const client = await peer.startClient(ground);
    try {
      const readings: Record<string, number> = {};
      for (const [mode, width] of inFlight) {
        // One by one each call waits for Redis: a fifth takes as long as the rest.
        const count = width === 1 ? Math.ceil(jobs / 5) : jobs;
        await client.enqueue(Math.ceil(count / 5), width);
        await ground.clear();
        readings[`enqueue-${mode}`] = count / (await client.enqueue(count, width));
      }
      await client.bulk(Math.ceil(jobs / 5));
      await ground.clear();
      const seconds = await client.bulk(jobs);
      if (seconds !== undefined) readings["enqueue-bulk"] = jobs / seconds;
      return readings;
    } finally {
      await client.stop();
    }
  }),
};
