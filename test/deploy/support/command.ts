import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync } from "node:fs";
import { constants } from "node:os";
import { basename, join } from "node:path";
import { eventually } from "../../support/eventually.ts";

export interface CommandOptions {
  /** Default: the checkout. */
  cwd?: string;
  /** Added to this process's environment. `undefined` takes a variable away. */
  env?: Readonly<Record<string, string | undefined>>;
  /** What the command reads. Default: nothing. */
  input?: string;
  /** After this many ms the command and its children are killed, and the promise rejects. Default 10 minutes. */
  timeoutMs?: number;
}

export interface CommandResult {
  command: string;
  /** As a shell tells it: 128 and the signal's number when a signal ended it. */
  code: number;
  stdout: string;
  stderr: string;
  /** The file that holds both, in the order they came. */
  logFile: string;
}

/** A command that runs. */
export interface RunningCommand {
  readonly done: Promise<CommandResult>;
  /** Resolves when either output holds the text; rejects when the command ends without, or after `timeoutMs` (120 s). */
  printed(text: string | RegExp, timeoutMs?: number): Promise<void>;
  /** To the command and all its children, as Ctrl-C in a terminal does with SIGINT. */
  signal(name: NodeJS.Signals): void;
}

export const checkout = join(import.meta.dirname, "../../..");
/** What the commands of the last run printed. */
export const logs = join(checkout, "test-results/deploy");
let started = 0;

/** Starts a command; what it prints is kept, and written to a file at once, for whoever watches the run. */
export function start(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): RunningCommand {
  const { cwd = checkout, env = {}, input = "", timeoutMs = 600_000 } = options;
  const words = [command, ...args].join(" ");
  started += 1;
  mkdirSync(logs, { recursive: true });
  const name = [basename(command), ...args]
    .join("-")
    .replaceAll(/[^\w.]+/g, "-")
    .slice(0, 60);
  const logFile = join(logs, `${process.pid}-${String(started).padStart(3, "0")}-${name}.log`);
  const log = createWriteStream(logFile);
  log.write(`$ ${words}\n`);

  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, detached: true });
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      output[stream] += text;
      log.write(text);
    });
  }
  // A command may end before it has read all.
  child.stdin.on("error", () => undefined).end(input);

  const signal = (name: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  };
  let ended = false;
  const finish = async (): Promise<CommandResult> => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      signal("SIGKILL");
    }, timeoutMs);
    try {
      const [code, killedBy] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
      const result = {
        command: words,
        code: code ?? 128 + (killedBy === null ? 0 : constants.signals[killedBy]),
        ...output,
        logFile,
      };
      if (late) throw failure(result, `did not end in ${timeoutMs} ms`);
      return result;
    } finally {
      ended = true;
      clearTimeout(timer);
      log.end();
    }
  };
  const done = finish();
  // Whoever awaits `done` still hears of it.
  done.catch(() => undefined);
  const holds = (text: string | RegExp) =>
    [output.stdout, output.stderr].some((printed) =>
      typeof text === "string" ? printed.includes(text) : text.test(printed),
    );
  return {
    done,
    signal,
    async printed(text, wait = 120_000) {
      const how = await eventually(
        `${basename(command)} to print ${text}; see ${logFile}`,
        () => (holds(text) ? "printed" : ended && "ended"),
        wait,
      );
      if (how === "ended") throw failure(await done, `ended without printing ${text}`);
    },
  };
}

/** Runs a command to its end, whatever its exit code. */
export function run(
  command: string,
  args: readonly string[],
  options?: CommandOptions,
): Promise<CommandResult> {
  return start(command, args, options).done;
}

/** The result of a command that must not fail: an error that shows what it printed, otherwise. */
export async function succeeds(result: Promise<CommandResult> | RunningCommand): Promise<CommandResult> {
  const ended = await ("done" in result ? result.done : result);
  if (ended.code !== 0) throw failure(ended, `ended with ${ended.code}`);
  return ended;
}

function failure(result: CommandResult, what: string): Error {
  const tail = (text: string) => text.trimEnd().split("\n").slice(-30).join("\n");
  return new Error(
    `${result.command} ${what}; all it printed is in ${result.logFile}\n${tail(result.stdout)}\n${tail(result.stderr)}`,
  );
}
