import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { equalWorkerOptions } from "./equal-options.ts";
import type { Ground } from "./ground.ts";
import type { RawWorkerSettings } from "./raw-worker.ts";

/** Who is measured: Lovage, or BullMQ alone. */
export type Side = "lovage" | "raw";
export const sides = ["lovage", "raw"] as const;

/** A worker as a process of its own. */
export interface WorkerChild {
  /** From the spawn to the "ready" message, in milliseconds. */
  readonly readyAfter: number;
  /** Resident memory now, in bytes. */
  residentBytes(): number;
  /** CPU time so far, in seconds, to 10 ms. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

export interface WorkerChildOptions {
  prefix: string;
  queues: readonly string[];
  /** For each queue. Default 4. */
  concurrency?: number;
  /** Where Node keeps translated code between starts. */
  compileCache: string;
  /** Further variables of the environment. */
  environment?: Record<string, string>;
}

/** USER_HZ, which Linux shows to programs as 100 on every common machine. */
const ticksPerSecond = 100;

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts a worker of either side and waits until it is ready. Its log goes to a file. */
export function startWorker(side: Side, ground: Ground, options: WorkerChildOptions): Promise<WorkerChild> {
  const { prefix, queues, concurrency = 4 } = options;
  const name = "bench";
  if (side === "lovage") {
    const flags = ["--queues", queues.join(","), "--concurrency", String(concurrency), "--name", name];
    return startChild([path("../src/bin/lovage.ts"), "worker", ...flags], ground, options);
  }
  const worker = equalWorkerOptions();
  const settings: RawWorkerSettings = { url: ground.url, prefix, name, queues, concurrency, worker };
  return startChild([path("raw-worker.ts"), JSON.stringify(settings)], ground, options);
}

/** Starts a Node program that says "ready" over its channel. */
export async function startChild(
  program: readonly string[],
  ground: Ground,
  { prefix, compileCache, environment }: Omit<WorkerChildOptions, "queues">,
): Promise<WorkerChild> {
  const logFile = join(ground.folder, `${prefix}.log`);
  const log = openSync(logFile, "a");
  const begun = performance.now();
  const child = spawn(process.execPath, [...profiling(), ...program], {
    // Away from the checkout: a .env there must not decide what is measured.
    cwd: ground.folder,
    stdio: ["ignore", log, log, "ipc"],
    env: {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: compileCache,
      REDIS_URL: ground.url,
      REDIS_PREFIX: prefix,
      ...environment,
    },
  });
  closeSync(log);
  running.add(child);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  void ended.then(() => running.delete(child));
  await Promise.race([
    new Promise((resolve) => child.once("message", resolve)),
    ended.then(() => {
      throw new Error(`a worker ended before it was ready:\n${readFileSync(logFile, "utf8")}`);
    }),
  ]);
  const readyAfter = performance.now() - begun;
  return {
    readyAfter,
    residentBytes() {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
    },
    cpuSeconds() {
      // After the program's name, which may hold spaces: user and system time are the fields 14 and 15 of proc(5).
      const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    },
    async stop() {
      // A clean end: Node writes its compile cache then.
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 20_000);
      await ended;
      clearTimeout(late);
    },
  };
}

/** With BENCH_CPU_PROFILE=<folder> each worker leaves a CPU profile there. */
function profiling(): string[] {
  const folder = process.env["BENCH_CPU_PROFILE"];
  return folder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${folder}`];
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
