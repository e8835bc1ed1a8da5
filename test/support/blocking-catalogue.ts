import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { createCatalogue, defineTask } from "#task";

/** Holds up the event loop of its worker. */
const block = defineTask({
  name: "test.block",
  queue: "default",
  input: z.strictObject({ seconds: z.number() }),
  output: z.null(),
  async run({ seconds }) {
    const until = Date.now() + 1000 * seconds;
    while (Date.now() < until);
    return null;
  },
});

export const nap = defineTask({
  name: "test.nap",
  queue: "default",
  input: z.strictObject({ seconds: z.number() }),
  output: z.null(),
  async run({ seconds }, { signal }) {
    await sleep(1000 * seconds, undefined, { signal });
    return null;
  },
});
export const catalogue = createCatalogue([block, nap]);
