import { type CanvasShape, canvasShapes } from "../peer.ts";
import { lovageWithOwnTasks } from "../peers/lovage.ts";
import { type Shape, separately } from "../shape.ts";

const sizes = { normal: 1000, quick: 100 };

/** Each composition adds numbers, so a lost or doubled call shows in the sum. */
const sumOf = (shape: CanvasShape, size: number) => (shape === "chain" ? size : (size * (size + 1)) / 2);

export const canvas: Shape = {
  name: "canvas",
  method:
    `A chain, a group and a chord of ${sizes.normal.toLocaleString("en-US")} additions (${sizes.quick} in a quick run), from the client's call to the result in its hand; one client and ` +
    "one worker of four slots (Celery: prefork, 4 processes), warm. BullMQ: flows; a chain is a flow as deep as it is long, a group one whose parent adds up.",
  figures: canvasShapes.map((name) => ({
    name,
    title: `${name} of ${sizes.normal.toLocaleString("en-US")}`,
    unit: "s",
    better: "less",
    goals: [{ to: "celery", sense: "most", bound: 1 }],
  })),
  peers: ["lovage", "bullmq", "celery"],
  baseline: "bullmq",
  rounds: { normal: 5, quick: 2 },
  open: separately(async (name, { ground, quick, peer: find }) => {
    const size = quick ? sizes.quick : sizes.normal;
    const peer = name === "lovage" ? lovageWithOwnTasks : find(name);
    await ground.clear();
    const worker = await peer.startWorker(ground, { concurrency: 4 });
    const client = await peer.startClient(ground, {
      BENCH_CALL: JSON.stringify({ task: "plain", own: true }),
    });
    try {
      const readings: Record<string, number> = {};
      for (const shape of canvasShapes) {
        await client.compose(shape, size / 5);
        const came = await client.compose(shape, size);
        if (came === undefined) continue;
        if (came.sum !== sumOf(shape, size))
          throw new Error(`${name}'s ${shape} came to ${came.sum}, not ${sumOf(shape, size)}`);
        readings[shape] = came.seconds;
      }
      return readings;
    } finally {
      await Promise.all([client.stop(), worker.stop()]);
    }
  }),
};
