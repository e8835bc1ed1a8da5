import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { createCatalogue, defineTask, type TasksOf } from "#task";
import { entry } from "./ledger-catalogue.ts";

const Told = z.strictObject({ told: z.number() });

/** Reports progress so many times a second; each says which it is. */
const report = defineTask({
  name: "chaos.report",
  queue: "default",
  input: z.strictObject({ perSecond: z.number(), seconds: z.number(), awaited: z.boolean() }),
  output: Told,
  async run({ perSecond, seconds, awaited }, { progress }) {
    const begun = performance.now();
    const last = perSecond * seconds;
    let told = 0;
    while (told < last) {
      const due = Math.min(last, Math.floor(((performance.now() - begun) / 1000) * perSecond));
      while (told < due) {
        told += 1;
        const reported = progress({ fraction: told / last, message: `${told}` });
        if (awaited) await reported;
      }
      await sleep(1);
    }
    return { told };
  },
});

/** Never stops writing lines, until its time is over: to its job's log, waited for or not, to the logger, to standard output. */
const chatter = defineTask({
  name: "chaos.chatter",
  queue: "default",
  input: z.strictObject({
    seconds: z.number(),
    into: z.enum(["log", "log, not waited for", "logger", "console"]),
  }),
  output: Told,
  async run({ seconds, into }, { log, logger }) {
    const until = performance.now() + seconds * 1000;
    let told = 0;
    while (performance.now() < until) {
      told += 1;
      const line = `line ${told} ${"of a log without an end ".repeat(5)}`;
      if (into === "log") await log(line);
      else if (into === "log, not waited for") void log(line);
      else if (into === "logger") logger.info({ told }, line);
      else console.log(line);
      // Even a task that never waits lets others have their turn, or its lock is lost.
      if (told % 200 === 0) await sleep(1);
    }
    return { told };
  },
});

/** The load's tasks, and two that never stop telling of themselves. */
export const catalogue = createCatalogue([entry, report, chatter]);
export type FloodTasks = TasksOf<typeof catalogue>;
