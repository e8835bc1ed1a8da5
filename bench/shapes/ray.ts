import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "#client";
import { startRay } from "../../src/dev/ray.ts";
import { rayPorts } from "../../src/dev/ray-ports.ts";
import { buildSubmission } from "../../src/ray/submission.ts";
import { createRayClient } from "../../src/ray-client-http/index.ts";
import { rayEcho, type TestTasks, testCatalogue, testPrograms } from "../../test/support/catalogue.ts";
import { nodeCommand, startChild } from "../child.ts";
import { freePorts, removeAtExit, temporaryFolder } from "../ground.ts";
import { startRayClient } from "../peers/ray-client.ts";
import { say } from "../say.ts";
import type { Readings, Session, Shape } from "../shape.ts";

const prefix = "ray";
const many = { normal: 30, quick: 4 };
const goals = [{ to: "ray client", sense: "most", bound: 1 }] as const;

export const ray: Shape = {
  name: "ray",
  method:
    `A program that only answers, on a Ray of this machine with 2 CPUs: one alone, and ${many.normal} at once (${many.quick} in a quick run). Lovage: from enqueue to the last result. Ray's Python client: ` +
    "from `submit_job` to the last log, asking four times a second as its documentation does, a thread each; same program, package (uploaded before), environment and CPUs.",
  figures: [
    { name: "ray-1", title: "one Ray job", unit: "s", better: "less", goals },
    { name: "ray-30", title: `${many.normal} Ray jobs at once`, unit: "s", better: "less", goals },
  ],
  peers: ["lovage", "ray client"],
  baseline: "ray client",
  rounds: { normal: 3, quick: 1 },
  open,
};

async function open({ ground, quick }: Session) {
  // What has been started is stopped when a later part does not start.
  await using started = new AsyncDisposableStack();
  await ground.clear();
  const atOnce = quick ? many.quick : many.normal;
  const cluster = await startRay({
    ports: rayPorts(1, await freePorts(20, 25_000), null),
    tempDir: temporaryFolder("ray-"),
    // Without the shell's RAY_ variables: it may name another cluster.
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"] },
    startDeadlineMs: 180_000,
    onEvent: (text) => say(`Ray: ${text}`),
  });
  started.defer(() => cluster.stop());
  const datasetsDir = join(ground.folder, "datasets");
  await mkdir(datasetsDir);
  const programs = testPrograms();
  removeAtExit(programs);
  const worker = await startChild(ground, {
    name: "ray-worker",
    command: nodeCommand(fileURLToPath(new URL("../../test/support/worker-process.ts", import.meta.url))),
    ready: "message",
    environment: {
      REDIS_URL: ground.url,
      REDIS_PREFIX: prefix,
      RAY_ADDRESS: cluster.address,
      DATASETS_DIR: datasetsDir,
      MODELS_DIR: datasetsDir,
      WORKER_QUEUES: "ml",
      ML_CONCURRENCY: String(many.normal),
      LOVAGE_TEST_PROGRAMS: programs,
    },
  });
  started.defer(() => worker.stop());
  const client = createClient<TestTasks>({ redis: { url: ground.url, prefix }, catalogue: testCatalogue });
  started.defer(() => client.close());
  const rayClient = createRayClient({ address: cluster.address });
  started.defer(() => rayClient.close());
  const peer = await startRayClient(ground, cluster.address);
  started.defer(() => peer.stop());
  const { uri } = await rayClient.packages.upload(await rayClient.packages.zip(programs));

  const throughLovage = async (text: string) => {
    const job = await client.enqueue("test.ray_echo", { text });
    const output = await job.result({ timeout: "10m" });
    if (output.text !== text) throw new Error(`wrong result: ${JSON.stringify(output)}`);
  };
  const submissionOf = (text: string) => {
    if (rayEcho.ray === undefined) throw new Error("the test task has no Ray program");
    const attempt = { jobId: text, task: rayEcho.name, queue: "ml", attempt: 1, enqueuedAt: Date.now() };
    const settings = { world: prefix, datasetsDir, modelsDir: datasetsDir, uriSchemes: [], pip: undefined };
    const input = rayEcho.input.parse({ text });
    return buildSubmission(rayEcho.ray, attempt, input, uri, { ...settings, unavailableTimeout: 0 });
  };
  let runs = 0;
  /** Runs so many at once; resolves to seconds. */
  const runThrough = async (who: string, count: number): Promise<number> => {
    runs += 1;
    const texts = Array.from({ length: count }, (_, index) => `bench-${process.pid}-${runs}-${index}`);
    if (who !== "lovage") return peer.run(texts.map(submissionOf), '"text":');
    const begun = performance.now();
    await Promise.all(texts.map(throughLovage));
    return (performance.now() - begun) / 1000;
  };
  const all = started.move();
  return {
    async run(name: string, round: number): Promise<Readings> {
      // The first Ray job of a cluster waits for what Ray prepares once.
      if (round === 0) await runThrough(name, 1);
      return { "ray-1": await runThrough(name, 1), "ray-30": await runThrough(name, atOnce) };
    },
    close: () => all.disposeAsync(),
  };
}
