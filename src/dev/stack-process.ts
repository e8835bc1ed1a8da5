import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { LovageError } from "../core/errors.ts";
import { type ProcessGroup, processGroup } from "./process-group.ts";

export interface StackProcessOptions {
  name: string;
  command: string;
  args: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Ends a start that is under way; later it does nothing. */
  signal: AbortSignal;
  /** Each line it prints. */
  onLine: (line: string) => void;
  /** What happens to it, in words. */
  onEvent: (text: string) => void;
}

/** One of a stack's own processes, which is started again when it dies. */
export interface StackProcess {
  readonly name: string;
  /** TERM, then KILL after `deadlineMs` (0: KILL at once); it is not started again. Idempotent. */
  end(deadlineMs: number): Promise<void>;
}

const restartDelayMs = 1_000;
const lastWordsMs = 1_000;

/**
 * Starts a process and waits until it says over its channel that it is ready.
 *
 * @throws LovageError `STACK_FAILED` when it ends before it was ready for the first time
 */
export async function startStackProcess(options: StackProcessOptions): Promise<StackProcess> {
  const ending = new AbortController();
  let group = await launch(options);
  const giveUp = () => group.end(0);
  options.signal.addEventListener("abort", giveUp);
  const first = await group.ready;
  options.signal.removeEventListener("abort", giveUp);
  if (first !== "ready") {
    await group.end(0);
    options.signal.throwIfAborted();
    throw new LovageError("STACK_FAILED", `${options.name} ended before it was ready (${first})`, {
      hint: "what it printed says why",
    });
  }
  const watch = async () => {
    for (;;) {
      const how = await group.ended;
      if (ending.signal.aborted) return;
      await group.end(0);
      options.onEvent(`ended (${how}); starting it again in ${restartDelayMs / 1000} s`);
      await pause(restartDelayMs, undefined, { signal: ending.signal });
      group = await launch(options);
      // Told to end while it was being started: nobody else knows of it yet.
      if (ending.signal.aborted) return group.end(0);
      void group.ready.then((answer) => {
        if (answer === "ready") options.onEvent("ready again");
      });
    }
  };
  const watching = watch().catch((error: unknown) => {
    if (!ending.signal.aborted) options.onEvent(`cannot be started again: ${String(error)}`);
  });
  return {
    name: options.name,
    async end(deadlineMs) {
      ending.abort();
      await group.end(deadlineMs);
      await watching;
    },
  };
}

async function launch(options: StackProcessOptions): Promise<ProcessGroup & { ready: Promise<string> }> {
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: { ...options.env },
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on("line", options.onLine);
  }
  const printed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const ready = new Promise<string>((resolve) => {
    child.on("message", (message) => {
      if (typeof message === "object" && message !== null && "type" in message && message.type === "ready") {
        resolve("ready");
      }
    });
    child.once("exit", (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
  const group = await processGroup(child);
  return {
    pid: group.pid,
    get told() {
      return group.told;
    },
    ended: group.ended,
    ready,
    async end(deadlineMs) {
      const over = group.end(deadlineMs);
      // Who listens to its channel would not end while it is open.
      if (child.connected) child.disconnect();
      await over;
      // Its last words may come after its end.
      await Promise.race([printed, pause(lastWordsMs)]);
    },
  };
}
