import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { createCatalogue, defineTask, type TasksOf } from "#task";
import { entry } from "./ledger-catalogue.ts";

/** Writes numbered lines to its job's log. */
const talk = defineTask({
  name: "chaos.talk",
  queue: "default",
  input: z.strictObject({ lines: z.number() }),
  output: z.null(),
  async run({ lines }, context) {
    for (let line = 0; line < lines; line += 1) {
      await context.log(`line ${line}`);
      await sleep(50, undefined, { signal: context.signal });
    }
    return null;
  },
});

/** The load's tasks, and one whose log is followed. */
export const catalogue = createCatalogue([entry, talk]);
export type TalkingTasks = TasksOf<typeof catalogue>;
