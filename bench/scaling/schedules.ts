import * as z from "zod";
import { createCatalogue, defineTask } from "#task";

/** How many schedules there are; each fires once a second. */
export const schedules = 100;

export const catalogue = createCatalogue(
  Array.from({ length: schedules }, (_, index) =>
    defineTask({
      name: `bench.tick_${index}`,
      queue: "default",
      input: z.strictObject({}),
      output: z.null(),
      run: async () => null,
      schedule: { every: "1s", overlap: "allow", missed: { within: "5m" } },
    }),
  ),
);
