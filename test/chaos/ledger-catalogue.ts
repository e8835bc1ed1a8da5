/** The tasks of the load: each run tells the ledger when it begins and when it has its effect. */

import { Agent, request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { createCatalogue, defineTask, type TaskContext, type TasksOf } from "#task";

/** The ledger's socket, in the folder of data sets. */
export const ledgerSocket = "ledger.sock";

/** One line for the ledger. */
export interface Note {
  what: "begin" | "effect";
  job: string;
  fence: number;
  /** One run of one worker; no two have the same. */
  run: string;
}

const agent = new Agent({ keepAlive: true });
let runs = 0;

/** One run's way to the ledger. */
function openPage({ job, settings }: TaskContext) {
  runs += 1;
  const run = `${process.pid}-${runs}`;
  async function note(what: Note["what"]): Promise<void> {
    const line: Note = { what, job: job.id, fence: job.fence, run };
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const socketPath = join(settings.datasetsDir, ledgerSocket);
    request({ agent, socketPath, method: "POST" }, (answer) => text(answer).then(resolve, reject))
      .on("error", reject)
      .end(JSON.stringify(line));
    await promise;
  }
  return { run, note };
}

export const entry = defineTask({
  name: "chaos.entry",
  queue: "default",
  input: z.strictObject({
    /** How long a run takes. */
    milliseconds: z.number().default(0),
    /** How long its first run keeps the event loop of its worker, in milliseconds. */
    block: z.number().default(0),
    /** How many attempts fail. */
    failures: z.number().default(0),
    /** Goes on when its signal is aborted, as tasks do that do not look at it. */
    deaf: z.boolean().default(false),
    text: z.string().default(""),
  }),
  output: z.object({ run: z.string(), length: z.number() }),
  retry: { attempts: 3, backoff: 50 },
  async run({ milliseconds, block, failures, deaf, text: given }, context) {
    const { run, note } = openPage(context);
    await note("begin");
    if (milliseconds > 0) await sleep(milliseconds, undefined, deaf ? {} : { signal: context.signal });
    const until = performance.now() + (context.job.fence === 1 ? block : 0);
    while (performance.now() < until);
    if (context.job.attempt <= failures) throw new Error("it was told to fail");
    await note("effect");
    return { run, length: given.length };
  },
});

export const catalogue = createCatalogue([entry]);
export type LedgerTasks = TasksOf<typeof catalogue>;
