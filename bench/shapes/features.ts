import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { drain } from "../drained.ts";
import { lovageWithOwnTasks } from "../peers/lovage.ts";
import type { OpenShape, Session, Shape } from "../shape.ts";

/** What is switched on: the task that is called, options of the client, and the worker's environment. */
interface Variant {
  name: string;
  task: string;
  call?: { idempotent?: boolean; hooks?: boolean };
  worker?: Record<string, string>;
}

const off = "lovage";
const variants: readonly Variant[] = [
  { name: off, task: "plain" },
  { name: "rate limit", task: "rate" },
  { name: "concurrency limit", task: "concurrency" },
  { name: "limit per key", task: "key" },
  { name: "hooks", task: "plain", call: { hooks: true }, worker: { BENCH_HOOKS: "yes" } },
  { name: "tracing", task: "plain" },
  { name: "idempotency", task: "plain", call: { idempotent: true } },
];

export const features: Shape = {
  name: "features",
  method:
    "Lovage with one feature switched on against Lovage with none: limits that never bind, one hook of each kind that does nothing, traces sent to a " +
    "receiver that drops them, a new idempotency key for each call. Drained at concurrency 4 as above; enqueued 10 in flight. What all of them cost when off is in the drains above.",
  figures: [
    { name: "features-drain", title: "drain with a feature on", unit: "jobs/s", better: "more" },
    { name: "features-cpu", title: "worker's CPU a job with a feature on", unit: "µs", better: "less" },
    { name: "features-enqueue", title: "enqueue with a feature on", unit: "jobs/s", better: "more" },
  ],
  peers: variants.map(({ name }) => name),
  baseline: off,
  rounds: { normal: 5, quick: 2 },
  async open(session): Promise<OpenShape> {
    const receiver = createServer((request, response) => {
      request.resume().once("end", () => response.end());
    });
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    const { port } = receiver.address() as AddressInfo;
    const tracing = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
    return {
      async run(name) {
        const variant = variants.find((each) => each.name === name);
        if (variant === undefined) throw new Error(`there is no variant ${name}`);
        return measureVariant(session, variant, name === "tracing" ? tracing : variant.worker);
      },
      async close() {
        receiver.closeAllConnections();
        receiver.close();
      },
    };
  },
};

async function measureVariant(
  { ground, quick }: Session,
  { task, call }: Variant,
  environment: Record<string, string> | undefined,
) {
  const jobs = quick ? 2000 : 20_000;
  await ground.clear();
  const order = JSON.stringify({ task, own: true, ...call });
  const client = await lovageWithOwnTasks.startClient(ground, { BENCH_CALL: order });
  await client.enqueue(jobs / 10, 10);
  await ground.clear();
  const seconds = await client.enqueue(jobs, 10);
  await client.stop();
  const drained = await drain(ground, lovageWithOwnTasks, jobs, [
    { concurrency: 4, ...(environment && { environment }) },
  ]);
  return {
    "features-drain": drained.jobsPerSecond,
    "features-cpu": drained.cpuMicroseconds,
    "features-enqueue": jobs / seconds,
  };
}
