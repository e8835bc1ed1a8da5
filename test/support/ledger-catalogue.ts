import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { createCatalogue, defineTask, type TaskContext } from "#task";

/** The file, in the folder of data sets, that has a line for each beginning and each end. */
export const ledgerName = "ledger";

/** One write to a file that is open for appending: lines of several processes do not mix. */
function note({ job, settings }: TaskContext, what: "begin" | "end"): void {
  appendFileSync(join(settings.datasetsDir, ledgerName), `${what} ${job.id} ${job.attempt}\n`);
}

export const entry = defineTask({
  name: "test.entry",
  queue: "default",
  input: z.strictObject({ milliseconds: z.number().default(0) }),
  output: z.null(),
  retry: { attempts: 2, backoff: 20 },
  async run({ milliseconds }, context) {
    note(context, "begin");
    if (milliseconds > 0) await sleep(milliseconds, undefined, { signal: context.signal });
    note(context, "end");
    return null;
  },
});

export const catalogue = createCatalogue([entry]);
