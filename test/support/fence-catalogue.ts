import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { createCatalogue, defineTask } from "#task";

/** The file, in the folder of data sets, with a line of JSON for each begin and each end of a run. */
export const fencesFile = "fences";

/** A task that does not look at its signal, and notes its fence. */
const fenced = defineTask({
  name: "test.fenced",
  queue: "default",
  input: z.strictObject({ seconds: z.number().default(0), failures: z.number().default(0) }),
  output: z.null(),
  retry: { attempts: 3, backoff: 20 },
  async run({ seconds, failures }, { job, settings }) {
    const note = (what: string) =>
      appendFileSync(
        join(settings.datasetsDir, fencesFile),
        `${JSON.stringify({ what, attempt: job.attempt, fence: job.fence })}\n`,
      );
    note("begin");
    await sleep(1000 * seconds);
    if (job.attempt <= failures) throw new Error("it was told to fail");
    note("end");
    return null;
  },
});

export const catalogue = createCatalogue([fenced]);
