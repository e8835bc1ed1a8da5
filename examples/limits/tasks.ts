import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { createCatalogue, defineTask, type TasksOf } from "#task";

/** At most two mails a second, whoever sends them. */
const mail = defineTask({
  name: "limits.mail",
  queue: "default",
  input: z.strictObject({ to: z.string() }),
  output: z.string(),
  rateLimit: "2/s",
  run: async ({ to }) => `sent to ${to}`,
});

/** Models are trained at the same time, but each of them by one job only. */
const train = defineTask({
  name: "limits.train",
  queue: "default",
  input: z.strictObject({ model: z.string() }),
  output: z.strictObject({ from: z.number(), to: z.number() }),
  concurrency: 1,
  concurrencyKey: ({ model }) => model,
  async run() {
    const from = Date.now();
    await sleep(300);
    return { from, to: Date.now() };
  },
});

/** Hears that its time is up and returns what it has. */
const crawl = defineTask({
  name: "limits.crawl",
  queue: "default",
  input: z.strictObject({ pages: z.number() }),
  output: z.string(),
  softTimeLimit: "500ms",
  timeLimit: "5s",
  async run({ pages }, { signal }) {
    let page = 0;
    while (page < pages && !signal.aborted) {
      page += 1;
      await sleep(20);
    }
    return page < pages ? "some pages" : "all pages";
  },
});

/** Keeps a CPU busy: in a process of its own, which can be killed. */
const crunch = defineTask({
  name: "limits.crunch",
  queue: "default",
  input: z.strictObject({ seconds: z.number() }),
  output: z.string(),
  isolate: true,
  timeLimit: "1s",
  async run({ seconds }) {
    const until = Date.now() + 1000 * seconds;
    while (Date.now() < until);
    return "crunched";
  },
});

/** Looks for something that is not there yet, and looks again. */
const poll = defineTask({
  name: "limits.poll",
  queue: "default",
  input: z.strictObject({}),
  output: z.string(),
  retry: { attempts: 5, backoff: "1s", retryOn: ["TIME_LIMIT_EXCEEDED"], neverRetryOn: ["ACCOUNT_CLOSED"] },
  async run(_input, context) {
    if (context.job.attempt < 3) throw context.retry({ delay: "200ms", reason: "not there yet" });
    return `there, at look ${context.job.attempt}`;
  },
});

export const catalogue = createCatalogue([mail, train, crawl, crunch, poll]);
export type Tasks = TasksOf<typeof catalogue>;
