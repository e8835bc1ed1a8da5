import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { createCatalogue, defineTask } from "#task";

/** An ordinary task that runs a program as part of its work. */
const wrap = defineTask({
  name: "runs.wrap",
  queue: "ml",
  input: z.strictObject({
    text: z.string(),
    seconds: z.number().default(0),
    how: z.string().default("await"),
  }),
  output: z.unknown(),
  retry: { attempts: 2, backoff: 20, maxBackoff: 50 },
  async run({ text, seconds, how }, context) {
    const program = { program: how === "missing" ? "nowhere.py" : "echo.py", resources: { cpus: 0.1 } };
    const running = context.ray.run(program, { text, seconds });
    if (how === "twice") {
      await running;
      await context.ray.run(program, {});
    }
    if (how === "leave") {
      const ledger = join(context.settings.datasetsDir, `runs-${context.job.id}`);
      while (!existsSync(ledger)) await sleep(50, undefined, { signal: context.signal });
      return "left";
    }
    if (how === "leave at once") return "left";
    return { wrapped: await running };
  },
});
export const catalogue = createCatalogue([wrap]);
