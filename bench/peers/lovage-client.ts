/** Lovage's client, told what to call. BENCH_CALL is a JSON text of which task, and of options for each call. */

import {
  type Canvas,
  chain,
  chord,
  createClient,
  group,
  type RedisClientOptions,
  signature,
} from "../../src/client/index.ts";
import type { CanvasShape } from "../peer.ts";
import { prefix } from "./bullmq-keys.ts";
import { serveCalls } from "./client-program.ts";
import { add, catalogue, total } from "./lovage-tasks.ts";

const { task, own, idempotent, hooks } = JSON.parse(
  process.env["BENCH_CALL"] ?? '{"task":"tasks.simple_tasks.ping"}',
) as { task: string; own?: boolean; idempotent?: boolean; hooks?: boolean };

const tasks = own === true ? catalogue : (await import("../../tasks/index.ts")).catalogue;
const options: RedisClientOptions = {
  redis: { url: process.env["BENCH_REDIS_URL"], prefix },
  catalogue: tasks,
  ...(hooks && { hooks: [{ beforeEnqueue() {}, afterEnqueue() {} }] }),
};
const client = createClient(options);

let made = 0;
const optionsOf = () => {
  made += 1;
  return idempotent === true ? { idempotencyKey: `key-${made}` } : {};
};

function compositionOf(shape: CanvasShape, size: number): Canvas {
  if (shape === "chain") {
    const next = Array.from({ length: size - 1 }, () => signature(add, { right: 1 }, { into: "left" }));
    return chain(signature(add, { left: 0, right: 1 }), ...next);
  }
  const header = Array.from({ length: size }, (_, left) => signature(add, { left, right: 1 }));
  return shape === "group" ? group(header) : chord(header, signature(total));
}

await serveCalls({
  enqueue: () => client.enqueue(task, {}, optionsOf()),
  bulk: (jobs) =>
    client.enqueueMany(Array.from({ length: jobs }, () => ({ task, input: {}, options: optionsOf() }))),
  async call() {
    const job = await client.enqueue(task, {}, optionsOf());
    return job.result({ timeout: "30s" });
  },
  async compose(shape, size) {
    const job = await client.start(compositionOf(shape, size));
    const result = await job.result({ timeout: "10m" });
    return shape === "group" ? (result as number[]).reduce((sum, each) => sum + each, 0) : (result as number);
  },
  close: () => client.close(),
});
