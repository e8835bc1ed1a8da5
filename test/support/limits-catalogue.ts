import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import {
  createCatalogue,
  defineRayTask,
  defineTask,
  LovageError,
  type TaskContext,
  type TasksOf,
} from "#task";

const Work = z.strictObject({ milliseconds: z.number().default(0), key: z.string().default("") });
const work = {
  queue: "default",
  input: Work,
  output: z.string(),
  retry: { attempts: 3, backoff: 20 },
} as const;

/** What really ran, in a file that all workers of a test share: one line for each beginning and end. */
export interface LedgerEntry {
  event: "begin" | "end";
  id: string;
  key: string;
  at: number;
}

async function inLedger(input: z.output<typeof Work>, context: TaskContext): Promise<string> {
  const write = (event: LedgerEntry["event"]) => {
    const entry: LedgerEntry = { event, id: context.job.id, key: input.key, at: Date.now() };
    appendFileSync(ledgerOf(context.settings.datasetsDir), `${JSON.stringify(entry)}\n`);
  };
  write("begin");
  try {
    await sleep(input.milliseconds, undefined, { signal: context.signal });
  } finally {
    write("end");
  }
  return context.job.id;
}

export function readLedger(folder: string): LedgerEntry[] {
  const file = ledgerOf(folder);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as LedgerEntry);
}

function ledgerOf(folder: string): string {
  return join(folder, "ledger");
}

export const fivePerSecond = defineTask({ ...work, name: "limits.five", rateLimit: "5/s", run: inLedger });
export const onePerHour = defineTask({ ...work, name: "limits.hourly", rateLimit: "1/h", run: inLedger });
export const twoAtOnce = defineTask({ ...work, name: "limits.two", concurrency: 2, run: inLedger });
export const oneAKey = defineTask({
  ...work,
  name: "limits.key",
  concurrency: 1,
  concurrencyKey: ({ key }) => key,
  run: inLedger,
});
export const both = defineTask({
  ...work,
  name: "limits.both",
  concurrency: { total: 2, perKey: 1 },
  concurrencyKey: ({ key }) => key,
  run: inLedger,
});
export const free = defineTask({ ...work, name: "limits.free", run: inLedger });

export const picky = defineTask({
  ...work,
  name: "limits.picky",
  input: z.strictObject({ code: z.string(), delay: z.string().optional() }),
  retry: { attempts: 3, backoff: 20, retryOn: ["WORTH_IT"], neverRetryOn: ["JOB_FAILED"] },
  async run({ code, delay }, context) {
    if (context.job.attempt === 3 && code !== "always") return "at last";
    if (delay !== undefined) throw context.retry({ delay, reason: "not yet" });
    throw code === "plain" ? new Error("plain") : new LovageError(code, "thrown");
  },
});
export const timed = defineTask({
  ...work,
  name: "limits.timed",
  softTimeLimit: 150,
  timeLimit: 450,
  input: z.strictObject({ end: z.enum(["tidies", "ignores"]) }),
  async run({ end }, context) {
    await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    const { code } = context.signal.reason as LovageError;
    await context.log(`heard ${code}`);
    if (end === "tidies") return code;
    await new Promise(() => {});
    return "never";
  },
});

const Echo = z.looseObject({ seconds: z.number().default(0) });
export const rayTimed = defineRayTask({
  name: "limits.ray",
  queue: "ml",
  input: Echo,
  output: z.looseObject({}),
  program: "echo.py",
  resources: { cpus: 0.1 },
  timeLimit: "3s",
  retry: { attempts: 1 },
});
export const rayHourly = defineRayTask({
  name: "limits.ray_hourly",
  queue: "ml",
  input: Echo,
  output: z.looseObject({}),
  program: "echo.py",
  resources: { cpus: 0.1 },
  rateLimit: "1/h",
});
export const rayAlone = defineRayTask({
  name: "limits.ray_alone",
  queue: "ml",
  input: Echo,
  output: z.looseObject({}),
  program: "echo.py",
  resources: { cpus: 0.1 },
  concurrency: 1,
});

export const catalogue = createCatalogue([
  fivePerSecond,
  onePerHour,
  twoAtOnce,
  oneAKey,
  both,
  free,
  picky,
  timed,
  rayTimed,
  rayHourly,
  rayAlone,
]);
export type LimitsTasks = TasksOf<typeof catalogue>;
export const catalogueUrl = import.meta.url;
