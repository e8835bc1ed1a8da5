import { appendFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { createCatalogue, defineTask, LovageError, type TaskContext, type TasksOf } from "#task";

export const catalogueUrl = import.meta.url;

const common = {
  queue: "default",
  isolate: true,
  output: z.unknown(),
  retry: { attempts: 2, backoff: 20 },
} as const;

/** What the process was given besides: made anew in each, so tasks see by it which one they run in. */
export const dependencies = async () => ({ born: process.pid });

export const pid = defineTask({
  ...common,
  name: "isolated.pid",
  input: z.strictObject({ megabytes: z.number().default(0) }),
  async run({ megabytes }, { dependencies }) {
    hoard.push(Buffer.alloc(megabytes * 1024 * 1024, 1));
    return { pid: process.pid, born: (dependencies as { born: number }).born };
  },
});
const hoard: Buffer[] = [];

export const context = defineTask({
  ...common,
  name: "isolated.context",
  input: z.strictObject({ when: z.iso.datetime().transform((text) => new Date(text)) }),
  async run({ when }, context) {
    await context.progress({ fraction: 0.5, message: "half" });
    await context.log("a line");
    await context.memory.set("key", "value", 60_000);
    const id = await context.enqueue("isolated.pid", {}, { id: "called" });
    const refused = await context.enqueue("isolated.pid", { wrong: 1 }).catch((error) => error);
    context.logger.info({ text: "fields", skipped: () => {} }, "logged");
    return {
      when: when instanceof Date,
      remembered: await context.memory.get("key"),
      id,
      refused: [refused instanceof LovageError, refused.code],
      queues: (await context.broker.queues()).length,
      job: context.job,
      worker: context.worker.name,
      folder: context.settings.datasetsDir,
    };
  },
});

export const ends = defineTask({
  ...common,
  name: "isolated.ends",
  input: z.strictObject({ how: z.string() }),
  async run({ how }, context) {
    if (context.job.attempt === 2) return `attempt 2 after ${how}`;
    if (how === "exit") process.exit(3);
    if (how === "segfault") process.kill(process.pid, "SIGSEGV");
    if (how === "coded") throw new LovageError("MINE", "as I like", { retryable: true, field: "how" });
    if (how === "plain") throw new TypeError("plain", { cause: new Error("deep") });
    if (how === "retry") throw context.retry({ delay: "700ms", reason: "not yet" });
    if (how === "function") return () => {};
    await new Promise(() => {});
    return undefined;
  },
});

/** Keeps the CPU busy, so that its process hears nothing; what it did lies in a file. */
export const burns = defineTask({
  ...common,
  name: "isolated.burns",
  input: z.strictObject({ milliseconds: z.number() }),
  async run({ milliseconds }, context) {
    note(context, `begin ${process.pid}`);
    const until = Date.now() + milliseconds;
    while (Date.now() < until);
    note(context, `end ${process.pid}`);
    return "burnt";
  },
});

export const hears = defineTask({
  ...common,
  name: "isolated.hears",
  input: z.strictObject({}),
  softTimeLimit: "1s",
  async run(_input, context) {
    note(context, `begin ${process.pid}`);
    await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    const { code } = context.signal.reason as LovageError;
    note(context, `heard ${code}`);
    return code;
  },
});

function note({ settings }: TaskContext, line: string): void {
  appendFileSync(join(settings.datasetsDir, "notes"), `${line}\n`);
}

export const catalogue = createCatalogue([pid, context, ends, burns, hears]);
export type IsolatedTasks = TasksOf<typeof catalogue>;
