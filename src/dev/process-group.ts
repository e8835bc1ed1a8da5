import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

/** A program of ours with all its children, in a process group of its own. */
export interface ProcessGroup {
  readonly pid: number;
  /** Whether somebody called `end`. */
  readonly told: boolean;
  /** Resolves when the group's leader has ended, with a text such as "exit code 1" or "signal SIGKILL". */
  readonly ended: Promise<string>;
  /** TERM to the leader, after `deadlineMs` KILL to all (0: at once); resolves when the leader has ended. Idempotent. */
  end(deadlineMs: number): Promise<void>;
}

/** A process group that prints to a file. */
export interface LoggedGroup extends ProcessGroup {
  /** The last lines the program printed since this start. */
  lastLines(count: number): Promise<string>;
}

export interface LoggedGroupOptions {
  command: string;
  args: readonly string[];
  /** The whole environment; nothing is inherited beside it. */
  env: Readonly<Record<string, string | undefined>>;
  /** What the program prints is appended to this file (mode 600). */
  logFile: string;
}

/**
 * Starts a program as a process group that prints to a file.
 *
 * @throws the operating system's error when the program cannot be started (ENOENT, EACCES)
 */
export async function startLoggedGroup(options: LoggedGroupOptions): Promise<LoggedGroup> {
  const { command, args, env, logFile } = options;
  const log = await open(logFile, "a", 0o600);
  const logStart = (await log.stat()).size;
  const child = spawn(command, args, { env: { ...env }, detached: true, stdio: ["ignore", log.fd, log.fd] });
  const group = await processGroup(child).finally(() => log.close());
  return {
    pid: group.pid,
    get told() {
      return group.told;
    },
    ended: group.ended,
    end: (deadlineMs) => group.end(deadlineMs),
    async lastLines(count) {
      const printed = (await readFile(logFile)).subarray(logStart).toString("utf8");
      return printed.trimEnd().split("\n").slice(-count).join("\n");
    },
  };
}

/**
 * Looks after a child that was just spawned with `detached: true`. Its group does not outlive this process: when this
 * process dies without a clean end, a guard ends the group. A Ctrl-C in the terminal does not reach the group, so the
 * order of a stop is ours to choose.
 */
export async function processGroup(child: ChildProcess): Promise<ProcessGroup> {
  const ended = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
  await once(child, "spawn");
  const { pid } = child;
  if (pid === undefined) throw new Error("a process was started but has no id");
  const guard = startGuard(pid);
  let told = false;
  return {
    pid,
    get told() {
      return told;
    },
    ended,
    async end(deadlineMs) {
      told = true;
      // Only the leader is asked: Ray's hangs when its children are gone before it could end them in its own order.
      if (deadlineMs > 0) child.kill("SIGTERM");
      const timer = setTimeout(() => signalGroup(pid, "SIGKILL"), deadlineMs);
      await ended;
      clearTimeout(timer);
      // Children that outlive their leader end with it.
      await untilGone(pid);
      guard.kill("SIGKILL");
    },
  };
}

/** Whether the group still has processes. */
function signalGroup(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(-pid, name);
  } catch (error) {
    // ESRCH: all gone. EPERM: macOS says so of a group that holds only zombies.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
    return false;
  }
}

/** A killed process holds its ports for some milliseconds more. Zombies hold none, but some init leaves them for long. */
async function untilGone(pid: number): Promise<void> {
  for (let look = 0; look < 50 && signalGroup(pid, "SIGKILL"); look += 1) await pause(20);
}

/**
 * The guard blocks on a pipe whose other end only this process holds, so the kernel wakes it however this process dies.
 * PR_SET_PDEATHSIG would do without a second process, but only on Linux and only for the leader.
 */
function startGuard(groupId: number): ChildProcess {
  const script = 'read -r _; kill -TERM "$1"; sleep 5; kill -KILL "-$1"';
  const guard = spawn("/bin/sh", ["-c", script, "lovage-guard", String(groupId)], {
    detached: true,
    env: { PATH: "/usr/bin:/bin" },
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.unref();
  // A guard that could not start, or that somebody ended, must not bring down this process.
  guard.on("error", () => undefined);
  guard.stdin?.on("error", () => undefined);
  return guard;
}
