import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { createCatalogue, defineTask } from "#task";
import { add, climb, echo, rayEcho } from "./catalogue.ts";

/** One at a time over all workers, so that others wait for its slot. */
const alone = defineTask({
  name: "test.alone",
  queue: "default",
  input: z.strictObject({ seconds: z.number() }),
  output: z.null(),
  concurrency: 1,
  async run({ seconds }, { signal }) {
    await sleep(1000 * seconds, undefined, { signal });
    return null;
  },
});

/** A task for each thing that there is to see. */
export const catalogue = createCatalogue([echo, rayEcho, add, climb, alone]);
