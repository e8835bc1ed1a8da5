import { type Shape, separately } from "../shape.ts";
import { median, quantile } from "../statistics.ts";

export const roundTrip: Shape = {
  name: "round-trip",
  method:
    "Enqueue to result, one call after another after a warm-up; one client and one worker, a process each. BullMQ: `queue.add` and " +
    "`job.waitUntilFinished`; Celery: `apply_async().get()`; Asynq has no such call, so its client asks for the task until it is completed.",
  figures: [
    {
      name: "round-trip-p50",
      title: "enqueue to result, median",
      unit: "ms",
      better: "less",
      goals: [{ to: "bullmq", sense: "most", bound: 1.15 }],
    },
    { name: "round-trip-p99", title: "enqueue to result, 99th percentile", unit: "ms", better: "less" },
  ],
  peers: ["lovage", "bullmq", "celery", "asynq"],
  baseline: "bullmq",
  rounds: { normal: 7, quick: 2 },
  open: separately(async (name, { ground, quick, peer: find }) => {
    const peer = find(name);
    const calls = Math.ceil((quick ? 500 : 2000) * Math.sqrt(peer.share));
    await ground.clear();
    const worker = await peer.startWorker(ground, { concurrency: 4 });
    const client = await peer.startClient(ground);
    try {
      await client.call(calls);
      const times = await client.call(calls);
      return { "round-trip-p50": median(times), "round-trip-p99": quantile(times, 0.99) };
    } finally {
      await Promise.all([client.stop(), worker.stop()]);
    }
  }),
};
