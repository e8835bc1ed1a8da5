import { pino } from "pino";
import type { PrettyOptions } from "pino-pretty";
import { gathered } from "./gathered.ts";

/** The logger of a process; children carry a job's fields. */
export type Logger = pino.Logger;

export interface LoggerOptions {
  level: string;
  /** `auto`: pretty on a terminal, else JSON. */
  format: "auto" | "json" | "pretty";
  /** Fields on every line. */
  base?: Record<string, unknown>;
}

/** What must never reach a log, wherever in the fields it stands. */
const secretPaths = ["password", "token", "authorization", "*.password", "*.token", "*.authorization"];

/** What the process' loggers still have to write when it ends. */
const atExit: (() => void)[] = [];

function writeAtExit(): void {
  for (const write of atExit) write();
}

export async function createLogger(options: LoggerOptions): Promise<Logger> {
  const settings = {
    level: options.level,
    base: options.base ?? {},
    redact: { paths: secretPaths, censor: "(secret)" },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  const pretty = options.format === "pretty" || (options.format === "auto" && process.stdout.isTTY);
  if (!pretty) {
    // Synchronous: a write in the background that the process' exit overtakes is lost.
    const lines = gathered(pino.destination({ dest: 1, sync: true }));
    if (atExit.length === 0) process.once("exit", writeAtExit);
    atExit.push(lines.flush);
    return pino(settings, lines);
  }
  // Loaded here only: a worker whose log is JSON does not pay for it.
  const { default: prettyStream } = await import("pino-pretty");
  const prettyOptions: PrettyOptions = {
    sync: true,
    colorize: process.stdout.isTTY,
    translateTime: "SYS:HH:MM:ss.l",
    ignore: "worker",
    singleLine: true,
  };
  return pino(settings, prettyStream(prettyOptions));
}
