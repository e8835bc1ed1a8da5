import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseArgs, promisify } from "node:util";
import { type Client, createClient, type JobHandle } from "#client";
import { createDevStack } from "../../src/dev/stack.ts";
import type { Tasks } from "../../tasks/index.ts";
import { freePortRange } from "../support/free-port.ts";

/** What one task did on one cluster. */
interface Spread {
  task: string;
  nodes: { used: number; of: number };
  seconds: number;
  /** What must be the same whatever the cluster, as JSON. */
  same: string;
  /** What is alike but not the same: workers that share a training's rows round otherwise than one does. */
  near?: number;
}

/** CPUs of the nodes: 25 in all, as the production cluster has. */
const nineNodes = [3, 3, 3, 3, 3, 3, 3, 2, 2] as const;
const oneNode = [2] as const;

/** How far apart the accuracies may be: of workers that share a training's rows each sees its own quantiles first. */
const nearEnough = 0.01;

const root = resolve(import.meta.dirname, "../..");

async function makeDatasets(folder: string): Promise<void> {
  const script = join(import.meta.dirname, "make_datasets.py");
  await promisify(execFile)(join(root, ".venv/bin/python"), [script, folder]);
}

/**
 * Runs the four tasks that spread, each by itself, on a cluster of its own: a raylet for each number of CPUs, with a
 * Redis and two workers beside it. Nothing is left behind but what the tasks wrote.
 */
async function spreadOver(
  cpus: readonly number[],
  datasetsDir: string,
  say: (text: string) => void,
): Promise<Spread[]> {
  const state = await mkdtemp(join(tmpdir(), "nine-"));
  const base = await freePortRange(10 * (cpus.length + 2));
  const stack = createDevStack({
    root,
    stateDir: state,
    redisPort: base + 9,
    rayNodes: cpus.length,
    rayCpus: cpus,
    rayPort: base + 8,
    rayBasePort: base,
    datasetsDir,
    modelsDir: join(state, "models"),
    processes: ["ml", "data"].map((name) => ({
      name,
      args: ["worker", "--name", name, "--queues", name, "--concurrency", "1"],
    })),
    command: [process.execPath, join(root, "src/bin/lovage.ts")],
    env: { ...process.env, LOG_FORMAT: "json", LOG_LEVEL: "warn" },
    onLine: (speaker, line) => say(`${speaker}: ${line}`),
  });
  try {
    await stack.start();
    const client = createClient<Tasks>({ redis: stack.variables["REDIS_URL"] ?? "" });
    try {
      return await runAll(client, datasetsDir, `${cpus.length}-nodes`, say);
    } finally {
      await client.close();
    }
  } finally {
    await stack.stop();
    await rm(state, { recursive: true, force: true });
  }
}

async function runAll(
  client: Client<Tasks>,
  folder: string,
  name: string,
  say: (text: string) => void,
): Promise<Spread[]> {
  const spreads: Spread[] = [];

  async function run<Task extends keyof Tasks & string>(
    task: Task,
    input: Tasks[Task]["input"],
    read: (report: Tasks[Task]["output"]) => Promise<{ nodes: Nodes; same: unknown; near?: number }>,
  ): Promise<void> {
    const begun = performance.now();
    const job = await client.enqueue(task, input, { attempts: 1 });
    // Ends with the job; that one fails is told by its result.
    void follow(job, (message) => say(`${task}: ${message}`)).catch(() => {});
    const { nodes, same, ...rest } = await read(await job.result({ timeout: "15m" }));
    if (!nodes) throw new Error(`${task} did not tell which nodes it used`);
    const seconds = (performance.now() - begun) / 1000;
    const short = task.slice(task.lastIndexOf(".") + 1);
    spreads.push({ task: short, nodes, seconds, same: JSON.stringify(same), ...rest });
  }

  await run(
    "tasks.ml_tasks.distributed_training",
    {
      dataset: "wide.parquet",
      target: "label",
      model: "wide",
      rounds: 10,
      workers: 9,
    },
    async ({ nodes, rows, metrics }) => ({ nodes, same: rows, near: metrics["accuracy"] ?? 0 }),
  );
  await run(
    "tasks.ml_tasks.hyperparameter_search",
    {
      dataset: "narrow.parquet",
      target: "label",
      space: { max_depth: [2, 3, 4], learning_rate: [0.1, 0.3, 0.5] },
      // Ray fills one node before it takes the next, so trials that are over at once would all run on the first.
      rounds: 400,
    },
    async ({ nodes, bestParams, bestScore, trials, failed }) => ({
      nodes,
      same: { bestParams, bestScore, trials, failed },
    }),
  );
  // A model of few rounds that is the same on every cluster, since one worker trains it.
  const small = await client.enqueue("tasks.ml_tasks.distributed_training", {
    dataset: "wide.parquet",
    target: "label",
    model: "single",
    rounds: 3,
    workers: 1,
  });
  await small.result({ timeout: "15m" });
  await run(
    "tasks.ml_tasks.batch_predictions",
    { model: "single", dataset: "wide.parquet", output: `predictions-${name}.csv` },
    async ({ nodes, rows, output }) => ({ nodes, same: { rows, sha256: await hashOf(output) } }),
  );
  await run(
    "tasks.data_tasks.process_large_csv",
    {
      dataset: "large.csv",
      output: `large-${name}.csv`,
      filter: "amount > 20",
      derive: { total: "amount * 2" },
    },
    async ({ nodes, rowsRead, rowsWritten, rowsRejected, output }) => ({
      nodes,
      same: { rowsRead, rowsWritten, rowsRejected, sha256: await hashOf(resolve(folder, output)) },
    }),
  );
  return spreads;
}

type Nodes = Spread["nodes"] | null | undefined;

async function follow(job: JobHandle, tell: (message: string) => void): Promise<void> {
  for await (const { message } of job.progress()) tell(message ?? "");
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** What differs between two clusters' runs of the same tasks; empty: nothing. */
function differences(one: readonly Spread[], other: readonly Spread[]): string[] {
  return one.flatMap((first, index) => {
    const second = other[index];
    if (second === undefined || second.task !== first.task) return [`${first.task} ran on one of them only`];
    const apart = Math.abs((first.near ?? 0) - (second.near ?? 0));
    if (first.same !== second.same) return [`${first.task}: ${first.same}, but ${second.same}`];
    return apart > nearEnough ? [`${first.task}: ${first.near}, but ${second.near}`] : [];
  });
}

function renderSpreads(spreads: readonly Spread[]): string {
  const rows = spreads.map(({ task, nodes, seconds }) =>
    [task.padEnd(24), `${nodes.used} of ${nodes.of}`.padEnd(12), seconds.toFixed(1).padStart(8)].join(""),
  );
  return [`${"task".padEnd(24)}${"nodes used".padEnd(12)}${"seconds".padStart(8)}`, ...rows].join("\n");
}

/** Prints tables, or with `--json` one document: each task's nodes and seconds, and what is not as it should be. */
async function main(): Promise<void> {
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({ options: { compare: flag, json: flag } });
  const folder = await mkdtemp(join(tmpdir(), "nine-data-"));
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const show = (text: string) => (values.json ? say(text) : process.stdout.write(`${text}\n`));
  try {
    say("making the datasets");
    await makeDatasets(folder);
    const nine = await spreadOver(nineNodes, folder, say);
    show(renderSpreads(nine));
    const faults = nine
      .filter(({ nodes }) => nodes.used < 2)
      .map(({ task, nodes }) => `${task} used ${nodes.used} of ${nodes.of} nodes`);
    if (values.compare) {
      const one = await spreadOver(oneNode, folder, say);
      show(`\n${renderSpreads(one)}`);
      faults.push(...differences(nine, one));
    }
    show(`\n${faults.join("\n") || (values.compare ? "the same results" : "spread over the nodes")}`);
    const tasks = nine.map(({ task, nodes, seconds }) => ({ task, nodes, seconds }));
    if (values.json) process.stdout.write(`${JSON.stringify({ tasks, faults })}\n`);
    process.exitCode = faults.length === 0 ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
