import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { LovageProcess } from "../support/lovage-process.ts";

/** A worker's process that a fault may kill, freeze or stop. */
export interface ChaosWorker extends LovageProcess {
  /** SIGSTOP: it stands still, and does not know it. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
}

const script = fileURLToPath(new URL("../support/worker-process.ts", import.meta.url));

/** Starts what `lovage worker` starts, with the catalogue that the environment names; resolves when it is ready. */
export async function startWorker(environment: Record<string, string>): Promise<ChaosWorker> {
  const child = spawn(process.execPath, [script], {
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
  const ended = exited.then(() => {
    throw new Error(`a worker ended before it was ready:\n${output}`);
  });
  await Promise.race([once(child, "message"), ended]);
  ended.catch(() => {});
  return {
    process: child,
    output: () => output,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
  };
}
