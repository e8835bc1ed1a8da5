/** A trivial Ray task through Lovage against the same entrypoint and environment through Ray's own Python client. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "#client";
import { startRay } from "../src/dev/ray.ts";
import { rayPorts } from "../src/dev/ray-ports.ts";
import { buildSubmission } from "../src/ray/submission.ts";
import { createRayClient } from "../src/ray-client-http/index.ts";
import { rayEcho, type TestTasks, testCatalogue, testPrograms } from "../test/support/catalogue.ts";
import { readArguments } from "./arguments.ts";
import { freePorts, onGround, removeAtExit, temporaryFolder } from "./ground.ts";
import { startRayBaseline } from "./ray-baseline.ts";
import { printReport, say } from "./report.ts";
import { median } from "./statistics.ts";
import { startChild } from "./worker-child.ts";

const method =
  "Alternating, one after another, after one of each to warm up. Lovage: enqueue to result. Baseline: JobSubmissionClient, " +
  "submit_job, get_job_status four times a second, get_job_logs; same program, package (uploaded before), environment and CPUs.";

const { json, counts, texts } = readArguments({ rounds: { normal: 10, quick: 4 } }, ["ray-address"]);

async function ownRay(): Promise<{ address: string; stop(): Promise<void> }> {
  const tempDir = temporaryFolder("ray-");
  const ray = await startRay({
    ports: rayPorts(1, await freePorts(20, 25_000), null),
    tempDir,
    env: process.env,
    onEvent: (text) => say(`Ray: ${text}`),
  });
  return ray;
}

await onGround(async (ground) => {
  const given = texts["ray-address"];
  const ray = given === undefined ? await ownRay() : { address: given, stop: async () => {} };
  try {
    const prefix = "ray-job";
    const datasetsDir = join(ground.folder, "datasets");
    await mkdir(datasetsDir);
    const programs = testPrograms();
    removeAtExit(programs);
    const worker = await startChild(
      [fileURLToPath(new URL("../test/support/worker-process.ts", import.meta.url))],
      ground,
      {
        prefix,
        compileCache: join(ground.folder, "compile-cache"),
        environment: {
          RAY_ADDRESS: ray.address,
          DATASETS_DIR: datasetsDir,
          MODELS_DIR: datasetsDir,
          WORKER_QUEUES: "ml",
          LOVAGE_TEST_PROGRAMS: programs,
        },
      },
    );
    const client = createClient<TestTasks>({ redis: { url: ground.url, prefix }, catalogue: testCatalogue });
    const rayClient = createRayClient({ address: ray.address });
    const baseline = await startRayBaseline(ray.address);
    const { uri } = await rayClient.packages.upload(await rayClient.packages.zip(programs));
    const definition = rayEcho.ray;
    if (definition === undefined) throw new Error("the test task has no Ray program");

    const throughLovage = async (text: string) => {
      const begun = performance.now();
      const job = await client.enqueue("test.ray_echo", { text });
      const output = await job.result({ timeout: "5m" });
      if (output.text !== text) throw new Error(`wrong result: ${JSON.stringify(output)}`);
      return (performance.now() - begun) / 1000;
    };
    const throughRay = (text: string) => {
      const attempt = {
        jobId: `baseline-${text}-${process.pid}`,
        task: rayEcho.name,
        queue: "ml",
        attempt: 1,
        enqueuedAt: Date.now(),
      };
      const settings = { world: prefix, datasetsDir, modelsDir: datasetsDir, uriSchemes: [], pip: undefined };
      const input = rayEcho.input.parse({ text });
      const submission = buildSubmission(definition, attempt, input, uri, {
        ...settings,
        unavailableTimeout: 0,
      });
      return baseline.run(submission, `"text":`);
    };

    const rounds: { lovage: number; baseline: number }[] = [];
    for (let round = 0; round <= counts.rounds; round += 1) {
      const text = `round-${round}`;
      const figures = { lovage: 0, baseline: 0 };
      const turns = [
        async () => {
          figures.lovage = await throughLovage(text);
        },
        async () => {
          figures.baseline = await throughRay(text);
        },
      ];
      for (const turn of round % 2 === 0 ? turns.toReversed() : turns) await turn();
      const told = `Lovage ${figures.lovage.toFixed(2)} s, Ray's client ${figures.baseline.toFixed(2)} s`;
      say(round === 0 ? `Ray job, warm-up: ${told}` : `Ray job ${round} of ${counts.rounds}: ${told}`);
      if (round > 0) rounds.push(figures);
    }

    baseline.stop();
    await Promise.all([client.close(), rayClient.close()]);
    await worker.stop();
    const lovage = median(rounds.map((figures) => figures.lovage));
    const other = median(rounds.map((figures) => figures.baseline));
    printReport(
      {
        benchmark: "ray-job",
        method,
        findings: [
          {
            what: "trivial Ray task",
            unit: "s",
            lovage,
            baseline: other,
            ratio: lovage / other,
            goal: { on: "ratio", sense: "most", bound: 1 },
          },
        ],
        rounds,
      },
      json,
    );
  } finally {
    await ray.stop();
  }
});
