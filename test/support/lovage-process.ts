import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const lovage = fileURLToPath(new URL("../../src/bin/lovage.ts", import.meta.url));

/** A process of Lovage as `lovage …` starts it. */
export interface LovageProcess {
  readonly process: ChildProcess;
  /** All that it printed so far. */
  output(): string;
  /** By TERM; resolves when it is gone. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

export interface Elsewhere {
  /** Another script that runs in its place, in this folder. */
  script?: string;
  /** The words before the command, such as those that let it run on another host. */
  inside?: readonly string[];
}

/**
 * Starts `lovage worker`, `scheduler` or `dashboard`, with nothing in its environment but what is given.
 */
export function spawnLovage(
  args: readonly string[],
  environment: Record<string, string>,
  { script, inside = [] }: Elsewhere = {},
): LovageProcess {
  const file = script === undefined ? lovage : fileURLToPath(new URL(script, import.meta.url));
  const [program = "", ...words] = [...inside, process.execPath, file, ...args];
  const child = spawn(program, words, {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: { PATH: process.env["PATH"] ?? "", ...environment },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (piece) => (output += String(piece)));
  const exited = once(child, "exit");
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  return { process: child, output: () => output, stop: () => end("SIGTERM"), kill: () => end("SIGKILL") };
}

/** The same, ready. */
export async function startLovage(
  args: readonly string[],
  environment: Record<string, string>,
  elsewhere?: Elsewhere,
): Promise<LovageProcess> {
  const started = spawnLovage(args, environment, elsewhere);
  const ended = once(started.process, "exit").then(() => {
    throw new Error(`lovage ${args.join(" ")} ended before it was ready:\n${started.output()}`);
  });
  await Promise.race([once(started.process, "message"), ended]);
  ended.catch(() => {});
  return started;
}

/** Runs a command to its end. */
export async function runLovage(
  args: readonly string[],
  environment: Record<string, string>,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [lovage, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "", ...environment },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (piece) => (stdout += String(piece)));
  child.stderr.on("data", (piece) => (stderr += String(piece)));
  const [code] = await once(child, "close");
  return { code, stdout, stderr };
}
