import * as z from "zod";
import { createCatalogue, defineTask, type Hooks } from "#task";

const ping = {
  queue: "default",
  input: z.strictObject({}),
  output: z.strictObject({ status: z.literal("pong") }),
  retry: { attempts: 1 },
  run: async () => ({ status: "pong" as const }),
} as const;

/** As small as tasks get: what is measured is what goes on around them. */
export const add = defineTask({
  name: "add",
  queue: "default",
  input: z.object({ left: z.number(), right: z.number() }),
  output: z.number(),
  run: async ({ left, right }) => left + right,
});

export const total = defineTask({
  name: "total",
  queue: "default",
  input: z.array(z.number()),
  output: z.number(),
  run: async (numbers) => numbers.reduce((sum, number) => sum + number, 0),
});

/** Pings without and with limits that never bind, and what compositions are made of. */
export const catalogue = createCatalogue([
  defineTask({ ...ping, name: "plain" }),
  defineTask({ ...ping, name: "rate", rateLimit: "1000000/s" }),
  defineTask({ ...ping, name: "concurrency", concurrency: 1000 }),
  defineTask({ ...ping, name: "key", concurrency: 1000, concurrencyKey: () => "one" }),
  add,
  total,
]);
export const catalogueUrl = import.meta.url;

/** One of each that surrounds a run; they do nothing. */
export const hooks: readonly Hooks[] = [
  {
    beforeRun() {},
    aroundRun: (_run, next) => next(),
    afterRun() {},
  },
];
