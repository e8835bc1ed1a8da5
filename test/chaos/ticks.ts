import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Broker } from "../../src/queue/broker.ts";

/** A scheduler that fires each second, as a process of its own. */
export interface TickingScheduler {
  readonly process: ChildProcess;
  /** Whether it said last that it acts. */
  acts(): boolean;
  kill(): Promise<void>;
}

export async function startTicking(environment: Record<string, string>): Promise<TickingScheduler> {
  const script = fileURLToPath(new URL("../support/scheduler-process.ts", import.meta.url));
  const child = spawn(process.execPath, [script], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: {
      PATH: process.env["PATH"] ?? "",
      LOVAGE_TEST_CATALOGUE: new URL("../support/ticking-catalogue.ts", import.meta.url).href,
      ...environment,
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (piece) => (output += String(piece)));
  const ended = once(child, "exit").then(() => {
    throw new Error(`a scheduler ended before it was ready:\n${output}`);
  });
  await Promise.race([once(child, "message"), ended]);
  ended.catch(() => {});
  return {
    process: child,
    acts() {
      const said = output.match(/(this|another) scheduler acts/g)?.at(-1);
      return said === "this scheduler acts";
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}

/** The times for which jobs were made, as often as they were; read from the events, which stay when jobs are removed. */
export async function madeTimes({ redis, keys }: Broker): Promise<number[]> {
  const events = await redis.xrange(keys.at("").events("default"), "-", "+");
  return events.flatMap(([, fields]) => {
    const event = Object.fromEntries(
      fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1]]] : [])),
    );
    if (event["event"] !== "added") return [];
    const [, time = ""] = String(event["jobId"]).split("~");
    return [Date.parse(time.replace(/(....)(..)(..)T(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6Z"))];
  });
}

/** How many seconds between the first and the last were left out, and how many came more than once. */
export function judgeTimes(times: readonly number[]): { lost: number; doubled: number } {
  const once = new Set(times);
  const sorted = [...once].sort((a, b) => a - b);
  const expected = sorted.length === 0 ? 0 : ((sorted.at(-1) ?? 0) - (sorted[0] ?? 0)) / 1000 + 1;
  return { lost: expected - once.size, doubled: times.length - once.size };
}
