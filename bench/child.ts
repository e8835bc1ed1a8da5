import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Ground } from "./ground.ts";
import { treeCpuSeconds, treeResidentBytes } from "./process-tree.ts";

/** A program of a peer, as a process of its own. */
export interface Child {
  /** From the spawn until it said that it is ready, in milliseconds. */
  readonly readyAfter: number;
  /** Resident memory now, in bytes, of it and its children; what they share counts once. */
  residentBytes(): number;
  /** CPU time so far, in seconds, to 10 ms, of it and its children. */
  cpuSeconds(): number;
  /** Sends one line of JSON and resolves to the line it answers. */
  ask(order: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

export interface ChildOptions {
  /** Its log's name. */
  name: string;
  /** The program and its arguments. */
  command: readonly string[];
  /** How it says that it is ready: by a message over Node's channel, or by the first line it prints. */
  ready: "message" | "line";
  /** Where Node keeps translated code between starts. Default: a folder that all programs of a run share. */
  compileCache?: string | undefined;
  /** Further variables of the environment. */
  environment?: Record<string, string> | undefined;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts a program and waits until it is ready. What it logs goes to a file. */
export async function startChild(ground: Ground, options: ChildOptions): Promise<Child> {
  const { name, command, ready, environment } = options;
  const logFile = join(ground.folder, `${name}.log`);
  const log = openSync(logFile, "a");
  const [program = "", ...args] = command;
  const begun = performance.now();
  const child = spawn(program, args, {
    // Away from the checkout: a .env there must not decide what is measured.
    cwd: ground.folder,
    stdio: ["pipe", ready === "line" ? "pipe" : log, log, ...(ready === "message" ? ["ipc" as const] : [])],
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      NODE_COMPILE_CACHE: options.compileCache ?? join(ground.folder, "compile-cache"),
      BENCH_REDIS_URL: ground.url,
      ...environment,
    },
  });
  closeSync(log);
  running.add(child);
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  void ended.then(() => running.delete(child));
  const gone = ended.then((): never => {
    throw new Error(`${name} ended before it was told to:\n${readFileSync(logFile, "utf8").slice(-2000)}`);
  });
  gone.catch(() => {});
  // Before the first answer is awaited, so that none is missed.
  const lines =
    child.stdout === null ? undefined : createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = () => Promise.race([lines?.next(), gone]);
  await (ready === "line"
    ? line()
    : Promise.race([new Promise((resolve) => child.once("message", resolve)), gone]));
  const readyAfter = performance.now() - begun;
  const pid = child.pid ?? 0;
  return {
    readyAfter,
    residentBytes: () => treeResidentBytes(pid),
    cpuSeconds: () => treeCpuSeconds(pid),
    async ask(order) {
      child.stdin?.write(`${JSON.stringify(order)}\n`);
      return JSON.parse(String((await line())?.value));
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

/** The command of a Node program of this folder. With BENCH_CPU_PROFILE=<folder> it leaves a CPU profile there. */
export function nodeCommand(file: string, ...args: readonly string[]): string[] {
  const folder = process.env["BENCH_CPU_PROFILE"];
  const profiling = folder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${folder}`];
  return [process.execPath, ...profiling, file, ...args];
}
