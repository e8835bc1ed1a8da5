import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { createCatalogue, defineTask } from "#task";
import { ping } from "../../tasks/simple_tasks.ts";

const nap = defineTask({
  name: "test.nap",
  queue: "default",
  input: z.strictObject({ seconds: z.number() }),
  output: z.null(),
  async run({ seconds }, { signal }) {
    await sleep(1000 * seconds, undefined, { signal });
    return null;
  },
});

/** Of all our tasks it knows one: what a worker of another release may look like. */
export const catalogue = createCatalogue([ping, nap]);
