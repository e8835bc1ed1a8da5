import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Client, createClient, type JobHandle } from "#client";
import { startLoggedGroup } from "../../src/dev/process-group.ts";
import { type LocalRay, startRay } from "../../src/dev/ray.ts";
import { rayEnvironment, rayStartArguments } from "../../src/dev/ray-command.ts";
import { type RayPorts, rayPorts } from "../../src/dev/ray-ports.ts";
import { testPrograms } from "../support/catalogue.ts";
import { type FaultyRay, startFaultyRay } from "../support/faulty-ray.ts";
import { freePortRange } from "../support/free-port.ts";
import { startOwnRedis } from "../support/own-redis.ts";
import type { Books } from "./books.ts";
import type { Round } from "./fault.ts";
import type { RayChaosTasks } from "./ray-catalogue.ts";
import { type ChaosWorker, startWorker } from "./worker.ts";

/** A real Ray for all rounds of a run: its start costs ten seconds. */
interface SharedRay {
  readonly cluster: LocalRay;
  readonly ports: RayPorts;
}

let shared: Promise<SharedRay> | undefined;

/** Ports for a head and one more node, which a round may start. */
export function sharedRay(say: (text: string) => void): Promise<SharedRay> {
  shared ??= (async () => {
    const tempDir = await mkdtemp(join(tmpdir(), "ray-"));
    const ports = rayPorts(2, await freePortRange(30), null);
    const head = { ...ports, nodes: ports.nodes.slice(0, 1) };
    const cluster = await startRay({
      ports: head,
      tempDir,
      env: process.env,
      // Beside a load on few cores.
      startDeadlineMs: 180_000,
      onEvent: say,
    });
    return {
      ports,
      cluster: {
        ...cluster,
        get pids() {
          return cluster.pids;
        },
        async stop() {
          await cluster.stop();
          await rm(tempDir, { recursive: true, force: true, maxRetries: 5 });
        },
      },
    };
  })();
  // On a busy machine Ray may need a second try: the next round's.
  shared.catch(() => {
    shared = undefined;
  });
  return shared;
}

/** Ends the Ray that rounds shared, if one was started. */
export async function stopSharedRay(): Promise<void> {
  const running = shared;
  shared = undefined;
  await (await running?.catch(() => undefined))?.cluster.stop();
}

/** One run of a program, as it noted it itself. */
export interface ProgramRun {
  submissionId: string;
  /** Of the driver. */
  pid: number;
  /** Milliseconds since 1970. */
  begun: number;
  ended: number | undefined;
}

type StepsTask = "chaos.steps" | "chaos.steps_far" | "chaos.steps_late";

/** Where a round against Ray happens: a Redis and workers of its own before the shared Ray, with a proxy between. */
export interface RayGround {
  readonly ray: SharedRay;
  readonly proxy: FaultyRay;
  /** Enqueues a program; its books are kept. */
  steps(input: { seconds: number; lines?: number }, task?: StepsTask): Promise<JobHandle<unknown>>;
  /** The runs of a job's program. */
  runs(jobId: string): ProgramRun[];
  /** Looks until a condition holds, or throws. */
  until(what: string, look: () => unknown, milliseconds?: number): Promise<void>;
  /** Starts a further node of one CPU with one of a resource; its end is a crash. */
  node(resource: "far" | "late"): Promise<{ kill(): Promise<void> }>;
  /** A further worker. */
  worker(): Promise<ChaosWorker>;
  /** Waits for the end of all jobs and balances. */
  settle(
    check?: (job: JobHandle<unknown>, runs: ProgramRun[]) => Promise<"lost" | "doubled" | undefined>,
  ): Promise<Books>;
  close(): Promise<void>;
}

export async function openRayGround(round: Round): Promise<RayGround> {
  const { say, signal } = round;
  const ray = await sharedRay(say);
  const redis = await startOwnRedis();
  const proxy = await startFaultyRay(ray.cluster.address);
  const programs = testPrograms();
  const folder = join(round.folder, "ray");
  mkdirSync(folder, { recursive: true });
  const client: Client<RayChaosTasks> = createClient({ redis: { url: redis.url, prefix: "chaos" } });
  const workers: ChaosWorker[] = [];
  const nodes: { kill(): Promise<void> }[] = [];
  const jobs: { handle: JobHandle<unknown>; program: boolean }[] = [];
  let noting = true;

  async function worker(): Promise<ChaosWorker> {
    const made = await startWorker({
      REDIS_URL: redis.url,
      REDIS_PREFIX: "chaos",
      RAY_ADDRESS: proxy.url,
      RAY_REQUEST_TIMEOUT: "5s",
      RAY_UNAVAILABLE_TIMEOUT: "5m",
      ML_CONCURRENCY: "3",
      JOB_LOG_LINES: "5000",
      DATASETS_DIR: folder,
      MODELS_DIR: folder,
      WORKER_LOCK_DURATION: "3s",
      LOVAGE_TEST_PROGRAMS: programs,
      LOVAGE_TEST_CATALOGUE: new URL("ray-catalogue.ts", import.meta.url).href,
    });
    workers.push(made);
    return made;
  }

  /** Ordinary jobs beside the Ray jobs: what is wrong with Ray must not touch them. */
  async function noteSteadily(): Promise<void> {
    while (noting && !signal.aborted) {
      jobs.push({ handle: await client.enqueue("chaos.note", {}), program: false });
      await sleep(50);
    }
  }

  function runs(jobId: string): ProgramRun[] {
    const file = join(folder, `steps-${jobId}`);
    const found: ProgramRun[] = [];
    for (const line of existsSync(file) ? readFileSync(file, "utf8").split("\n") : []) {
      const [what, submissionId = "", pid, time] = line.split(" ");
      if (what === "begin")
        found.push({ submissionId, pid: Number(pid), begun: Number(time), ended: undefined });
      const run = found.find((one) => one.pid === Number(pid) && one.submissionId === submissionId);
      if (what === "end" && run !== undefined) run.ended = Number(time);
    }
    return found;
  }

  async function node(resource: string): Promise<{ kill(): Promise<void> }> {
    const { ports, cluster } = ray;
    const [, own] = ports.nodes;
    if (own === undefined) throw new TypeError("there are no ports for a second node");
    // Two nodes that start in one folder choose the same names for their sockets.
    const tempDir = await mkdtemp(join(tmpdir(), "ray-"));
    const launch = { ports, node: own, head: false, cpus: 1, tempDir, objectStoreBytes: 100_000_000 };
    const python = fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));
    const group = await startLoggedGroup({
      command: python,
      args: [...rayStartArguments(launch), "--resources", JSON.stringify({ [resource]: 1 })],
      env: rayEnvironment(process.env, python, undefined),
      logFile: join(cluster.tempDir, "further-node.log"),
    });
    const kill = async () => {
      await group.end(0);
      await rm(tempDir, { recursive: true, force: true, maxRetries: 5 });
    };
    nodes.push({ kill });
    return { kill };
  }

  await worker();
  const load = noteSteadily();
  return {
    ray,
    proxy,
    runs,
    worker,
    node,
    async steps({ seconds, lines = 20 }, task = "chaos.steps") {
      const handle = await client.enqueue(task, { seconds, lines });
      jobs.push({ handle, program: true });
      return handle;
    },
    async until(what, look, milliseconds = 60_000) {
      for (const deadline = performance.now() + milliseconds; !(await look()); ) {
        signal.throwIfAborted();
        if (performance.now() > deadline) throw new Error(`waited ${milliseconds} ms in vain: ${what}`);
        await sleep(50);
      }
    },
    async settle(check) {
      const ended = jobs
        .filter(({ program }) => program)
        .map(({ handle }) => handle.result({ timeout: "120s" }));
      await Promise.allSettled(ended);
      noting = false;
      await load;
      const books = {
        enqueued: jobs.length,
        completed: 0,
        failed: 0,
        cancelled: 0,
        expired: 0,
        lost: 0,
        doubled: 0,
      };
      for (const { handle, program } of jobs) {
        const thrown = await handle.result({ timeout: "120s" }).then(
          () => undefined,
          (error: unknown) => error,
        );
        const { state } = await handle.snapshot();
        if (thrown !== undefined) say(`job ${handle.id} is ${state}: ${thrown}`);
        if (state === "completed" || state === "failed" || state === "cancelled" || state === "expired")
          books[state] += 1;
        else books.lost += 1;
        if (!program) continue;
        const ran = runs(handle.id);
        if (state === "completed" && !ran.some(({ ended }) => ended !== undefined)) books.lost += 1;
        books.doubled += doubled(ran);
        const wrong = await check?.(handle, ran);
        if (wrong !== undefined) books[wrong] += 1;
      }
      return {
        ...books,
        notes: { requestsBroken: proxy.faults().requests, socketsCut: proxy.faults().sockets },
      };
    },
    async close() {
      noting = false;
      await load.catch(() => {});
      await client.close();
      await Promise.all([...workers, ...nodes].map((one) => one.kill()));
      await proxy.close();
      await redis.remove();
      rmSync(programs, { recursive: true, force: true });
    },
  };
}

/** How often a program was begun that must not have been: twice for one attempt, or while another of its job ran. */
function doubled(runs: readonly ProgramRun[]): number {
  return runs.filter(
    (run, at) =>
      runs.slice(0, at).some((earlier) => earlier.submissionId === run.submissionId) ||
      runs.slice(0, at).some(({ ended }) => ended !== undefined && ended > run.begun),
  ).length;
}
