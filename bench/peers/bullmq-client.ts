/** BullMQ's client, told what to call. */

import { randomUUID } from "node:crypto";
import { type FlowJob, FlowProducer, Queue, QueueEvents } from "bullmq";
import { Redis } from "ioredis";
import type { CanvasShape } from "../peer.ts";
import { prefix } from "./bullmq-keys.ts";
import { serveCalls } from "./client-program.ts";
import { pingData, pingName, pingOptions } from "./equal-options.ts";

const connection = new Redis(process.env["BENCH_REDIS_URL"] ?? "", { maxRetriesPerRequest: null });
const queue = new Queue("default", { connection, prefix });
const flows = new FlowProducer({ connection, prefix });

// Opened by the first call that waits: who only enqueues does not listen.
let listening: Promise<QueueEvents> | undefined;
async function listen(): Promise<QueueEvents> {
  listening ??= (async () => {
    const events = new QueueEvents("default", { connection: connection.duplicate(), prefix });
    await events.waitUntilReady();
    return events;
  })();
  return listening;
}

function flowOf(shape: CanvasShape, size: number): FlowJob {
  const job = (data: object, children: FlowJob[]): FlowJob => ({
    name: children.length === 0 ? "first" : "sum",
    queueName: "default",
    data,
    opts: pingOptions(randomUUID()),
    children,
  });
  if (shape !== "chain")
    return job(
      { plus: 0 },
      Array.from({ length: size }, (_, left) => job({ plus: left + 1 }, [])),
    );
  let flow = job({ plus: 1 }, []);
  for (let index = 1; index < size; index += 1) flow = job({ plus: 1 }, [flow]);
  return flow;
}

await serveCalls({
  enqueue: () => queue.add(pingName, pingData, pingOptions(randomUUID())),
  bulk: (jobs) =>
    queue.addBulk(
      Array.from({ length: jobs }, () => ({
        name: pingName,
        data: pingData,
        opts: pingOptions(randomUUID()),
      })),
    ),
  async call() {
    const events = await listen();
    const job = await queue.add(pingName, pingData, pingOptions(randomUUID()));
    return job.waitUntilFinished(events, 30_000);
  },
  async compose(shape, size) {
    const events = await listen();
    const { job } = await flows.add(flowOf(shape, size));
    return job.waitUntilFinished(events, 600_000);
  },
  async close() {
    await Promise.all([queue.close(), flows.close()]);
    await (await listening)?.close();
    connection.disconnect();
  },
});
