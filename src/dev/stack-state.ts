import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { LovageError } from "../core/errors.ts";

/** What a local stack keeps in its folder: who runs it, its secrets, and the way to it for other commands. */
export interface StackState {
  /** Claims the folder; resolves to whether an earlier stack died without letting go of it. */
  claim(): Promise<boolean>;
  /** A secret that stays the same from start to start, in a file of mode 600. */
  secret(name: string): Promise<string>;
  /** Writes `dev.env` (mode 600), which Lovage's other commands read. */
  publish(variables: Readonly<Record<string, string>>): Promise<void>;
  /** Removes `dev.env` and lets go of the folder. */
  release(): Promise<void>;
}

const runFile = promisify(execFile);

export function createStackState(dir: string): StackState {
  const claimFile = join(dir, "dev.pid");
  const envFile = join(dir, "dev.env");
  return {
    async claim() {
      await mkdir(dir, { recursive: true });
      // Secrets lie here, and Ray lets everybody write into its own folder.
      await chmod(dir, 0o700);
      const own = `${process.pid}\n${await startTime(process.pid)}\n`;
      for (let leftOver = false; ; leftOver = true) {
        try {
          await writeFile(claimFile, own, { flag: "wx" });
          return leftOver;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        }
        const [pid = 0, started = ""] = (await readFile(claimFile, "utf8")).split("\n");
        if ((await startTime(Number(pid))) === started && started !== "") {
          throw new LovageError("STACK_FAILED", `a stack already runs in ${dir} (process ${pid})`, {
            value: pid,
            hint: "stop it with Ctrl-C in its terminal, or use the one that runs",
          });
        }
        await Promise.all([rm(claimFile, { force: true }), rm(envFile, { force: true })]);
      }
    },
    async secret(name) {
      const file = join(dir, name);
      const fresh = randomBytes(24).toString("base64url");
      await writeFile(file, fresh, { flag: "wx", mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      });
      return (await readFile(file, "utf8")).trim();
    },
    async publish(variables) {
      const lines = Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)}`);
      await writeFile(envFile, ["# Written by `lovage dev` while it runs.", ...lines, ""].join("\n"), {
        mode: 0o600,
      });
      // The mode above holds for a new file only.
      await chmod(envFile, 0o600);
    },
    async release() {
      await Promise.all([rm(claimFile, { force: true }), rm(envFile, { force: true })]);
    },
  };
}

/** When a process started, as text; empty when there is none. A process id alone may have passed to a stranger. */
async function startTime(pid: number): Promise<string> {
  if (!Number.isInteger(pid) || pid < 1) return "";
  try {
    return (await runFile("ps", ["-o", "lstart=", "-p", String(pid)])).stdout.trim();
  } catch {
    return "";
  }
}

/** As dotenv reads it: nothing is special between single quotes, nor between backquotes. */
function quoted(value: string): string {
  return value.includes("'") ? `\`${value}\`` : `'${value}'`;
}
