import * as z from "zod";
import { createCatalogue, defineTask, type TasksOf } from "#task";

/** As small as tasks get: what is measured is what goes on around them. */
export const add = defineTask({
  name: "bench.add",
  queue: "default",
  input: z.object({ left: z.number(), right: z.number() }),
  output: z.number(),
  run: async ({ left, right }) => left + right,
});

export const total = defineTask({
  name: "bench.total",
  queue: "default",
  input: z.array(z.number()),
  output: z.number(),
  run: async (numbers) => numbers.reduce((sum, number) => sum + number, 0),
});

export const catalogue = createCatalogue([add, total]);
export type BenchTasks = TasksOf<typeof catalogue>;
