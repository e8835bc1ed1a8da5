import { randomUUID } from "node:crypto";
import { cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { createCatalogue, defineRayTask, defineTask, defineWorkflow, LovageError, type TasksOf } from "#task";

const Echo = z.strictObject({
  seconds: z.number().default(0),
  text: z.string().default(""),
  lines: z.number().default(0),
  end: z.string().default("result"),
});
const Echoed = z.strictObject({ text: z.string(), attempt: z.number() });

export const echo = defineTask({
  name: "test.echo",
  queue: "default",
  input: Echo,
  output: Echoed,
  retry: { attempts: 3, backoff: 20, maxBackoff: 50 },
  async run(input, context) {
    await context.log(`began ${input.text}`);
    const steps = Math.ceil(input.seconds * 10);
    for (let step = 1; step <= steps; step += 1) {
      await sleep(100, undefined, { signal: context.signal });
      await context.progress({ fraction: step / steps, message: "sleeping" });
    }
    if (input.end === "error") throw new Error("boom");
    if (input.end === "coded") throw new LovageError("INPUT_INVALID", "the text is bad", { field: "text" });
    if (input.end === "fail-first" && context.job.attempt === 1) throw new Error("the first attempt fails");
    if (input.end === "bad-output") return { text: 5 } as never;
    return { text: input.text, attempt: context.job.attempt };
  },
});

const ray = {
  queue: "ml",
  input: Echo,
  output: Echoed,
  program: "echo.py",
  retry: { attempts: 2, backoff: 20, maxBackoff: 50 },
} as const;

export const rayEcho = defineRayTask({ ...ray, name: "test.ray_echo", resources: { cpus: 0.1 } });
/** Asks for more than any test cluster has, so it stays PENDING. */
export const rayPending = defineRayTask({ ...ray, name: "test.ray_pending", resources: { cpus: 1000 } });
export const rayLate = defineRayTask({
  ...ray,
  name: "test.ray_late",
  resources: { cpus: 1000 },
  deadlines: { start: "2s" },
  retry: { attempts: 1 },
});
export const rayLong = defineRayTask({
  ...ray,
  name: "test.ray_long",
  resources: { cpus: 0.1 },
  deadlines: { run: "2s" },
});

/** Adds, after so many milliseconds; a negative sum is an error. */
export const add = defineTask({
  name: "test.add",
  queue: "default",
  input: z.strictObject({ numbers: z.array(z.number()), milliseconds: z.number().default(0) }),
  output: z.number(),
  retry: { attempts: 1 },
  async run({ numbers, milliseconds }, { signal }) {
    if (milliseconds > 0) await sleep(milliseconds, undefined, { signal });
    const sum = numbers.reduce((total, number) => total + number, 0);
    if (sum < 0) throw new LovageError("TEST_NEGATIVE", `the sum is ${sum}`);
    return sum;
  },
});

/** Adds one by one, each time to what the call before gave; some rounds sleep, some take a step. */
export const climb = defineWorkflow({
  name: "test.climb",
  queue: "default",
  input: z.strictObject({ rounds: z.number() }),
  output: z.strictObject({ sum: z.number(), ids: z.array(z.string()) }),
  async run({ rounds }, context) {
    let sum = 0;
    const ids: string[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const parts = await Promise.all([
        context.call(add, { numbers: [sum, 1], milliseconds: 20 }),
        context.call(add, { numbers: [1], milliseconds: 5 }),
      ]);
      sum = parts[0] + parts[1];
      if (round % 3 === 0) await context.sleep(10);
      if (round % 4 === 0) ids.push(await context.step("id", () => randomUUID()));
    }
    return { sum, ids };
  },
});

export const testCatalogue = createCatalogue([echo, rayEcho, rayPending, rayLate, rayLong, add, climb]);
export type TestTasks = TasksOf<typeof testCatalogue>;

/** The test programs beside the real `lovage_job.py` and what it imports, in a folder of their own: what a worker uploads. */
export function testPrograms(): string {
  const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), "lovage-programs-"));
  cpSync(here("programs"), folder, { recursive: true });
  for (const file of ["lovage_job.py", "lovage_trace.py", "failure_causes.py"])
    cpSync(here(`../../tasks/ray_jobs/${file}`), join(folder, file));
  return folder;
}
