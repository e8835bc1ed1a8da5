/** A chain of 100, a group and a chord of 1,000: Lovage against Celery, each with one worker of concurrency 4. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { type Canvas, chain, chord, createClient, group, signature } from "#client";
import { readArguments } from "./arguments.ts";
import { type Ground, onGround } from "./ground.ts";
import { printReport, say } from "./report.ts";
import { median } from "./statistics.ts";
import { startChild } from "./worker-child.ts";
import { add, type BenchTasks, catalogue, total } from "./workflow-tasks.ts";

const method =
  "From the client's call to the result in its hand; one worker a side (Lovage: one process with 4 slots; Celery: prefork, 4 " +
  "processes, acks late), one Valkey, warm, sides alternating; medians of the rounds.";

const { json, counts } = readArguments({
  chain: { normal: 100, quick: 20 },
  group: { normal: 1000, quick: 100 },
  rounds: { normal: 5, quick: 2 },
});

const shapes = ["chain", "group", "chord"] as const;
type Shape = (typeof shapes)[number];
const sizeOf = (shape: Shape) => (shape === "chain" ? counts.chain : counts.group);
/** Each composition adds numbers, so a lost or doubled call shows in the sum. */
const sumOf = (shape: Shape) => {
  const size = sizeOf(shape);
  return shape === "chain" ? size : (size * (size + 1)) / 2;
};

function compose(shape: Shape): Canvas {
  const size = sizeOf(shape);
  if (shape === "chain") {
    const next = Array.from({ length: size - 1 }, () => signature(add, { right: 1 }, { into: "left" }));
    return chain(signature(add, { left: 0, right: 1 }), ...next);
  }
  const header = Array.from({ length: size }, (_, left) => signature(add, { left, right: 1 }));
  return shape === "group" ? group(header) : chord(header, signature(total));
}

const Answer = z.object({ seconds: z.number(), result: z.number() });

async function startCelery(ground: Ground) {
  const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
  const start = (role: string) => {
    const child = spawn(path("../.venv/bin/python"), [path("celery_canvas.py"), role], {
      cwd: ground.folder,
      stdio: ["pipe", "pipe", "inherit"],
      env: {
        PATH: process.env["PATH"],
        HOME: process.env["HOME"],
        BENCH_REDIS_URL: `${ground.url}/1`,
        // It warns of workers that root starts.
        PYTHONWARNINGS: "ignore",
      },
    });
    process.once("exit", () => child.kill("SIGKILL"));
    return child;
  };
  const worker = start("worker");
  worker.stdout.resume();
  const client = start("client");
  const lines = createInterface({ input: client.stdout });
  const gone = once(client, "exit").then(() => {
    throw new Error("Celery's client ended");
  });
  gone.catch(() => {});
  await Promise.race([once(lines, "line"), gone]);
  return {
    async run(shape: Shape) {
      client.stdin.write(`${shape} ${sizeOf(shape)}\n`);
      const [line] = await Promise.race([once(lines, "line"), gone]);
      return Answer.parse(JSON.parse(String(line)));
    },
    async stop() {
      client.stdin.end();
      worker.kill("SIGTERM");
      await once(worker, "exit");
    },
  };
}

await onGround(async (ground) => {
  const program = [fileURLToPath(new URL("workflow-worker.ts", import.meta.url))];
  const worker = await startChild(program, ground, {
    prefix: "lovage",
    compileCache: join(ground.folder, "compile-cache"),
  });
  const client = createClient<BenchTasks>({ redis: { url: ground.url, prefix: "lovage" }, catalogue });
  const celery = await startCelery(ground);

  const run = {
    async lovage(shape: Shape) {
      const composition = compose(shape);
      const begun = performance.now();
      const job = await client.start(composition);
      const result = await job.result({ timeout: "2m" });
      const seconds = (performance.now() - begun) / 1000;
      return {
        seconds,
        result: shape === "group" ? (result as number[]).reduce((sum, n) => sum + n, 0) : result,
      };
    },
    celery: (shape: Shape) => celery.run(shape),
  };
  type Side = keyof typeof run;
  const seconds: Record<Side, Record<Shape, number[]>> = {
    lovage: { chain: [], group: [], chord: [] },
    celery: { chain: [], group: [], chord: [] },
  };
  for (let round = 0; round <= counts.rounds; round += 1) {
    for (const shape of shapes) {
      const order: Side[] = round % 2 === 0 ? ["lovage", "celery"] : ["celery", "lovage"];
      for (const side of order) {
        const took = await run[side](shape);
        if (took.result !== sumOf(shape))
          throw new Error(`${side}'s ${shape} came to ${took.result}, not ${sumOf(shape)}`);
        // The first round only warms up.
        if (round > 0) seconds[side][shape].push(took.seconds);
      }
    }
    say(round === 0 ? "workflows, warm" : `workflows, round ${round} of ${counts.rounds}`);
  }
  await Promise.all([client.close(), worker.stop(), celery.stop()]);

  const what: Record<Shape, string> = {
    chain: `chain of ${counts.chain}`,
    group: `group of ${counts.group.toLocaleString("en-US")}`,
    chord: `chord of ${counts.group.toLocaleString("en-US")}`,
  };
  printReport(
    {
      benchmark: "workflows",
      method,
      findings: shapes.map((shape) => {
        const lovage = seconds.lovage[shape];
        const baseline = seconds.celery[shape];
        return {
          what: `${what[shape]}, baseline Celery`,
          unit: "s",
          lovage: median(lovage),
          baseline: median(baseline),
          ratio: median(lovage.map((value, index) => value / (baseline[index] ?? Number.NaN))),
          goal: { on: "ratio", sense: "most", bound: 1 } as const,
        };
      }),
      rounds: seconds,
    },
    json,
  );
});
