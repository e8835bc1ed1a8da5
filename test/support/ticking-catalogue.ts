import * as z from "zod";
import { createCatalogue, defineTask } from "#task";

/** Fires each second, whatever became of the jobs before. */
export const catalogue = createCatalogue([
  defineTask({
    name: "test.tick",
    queue: "default",
    input: z.strictObject({}),
    output: z.null(),
    run: async () => null,
    schedule: { every: "1s", overlap: "allow", missed: { within: "5m" } },
  }),
]);
