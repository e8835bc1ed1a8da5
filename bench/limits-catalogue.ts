import * as z from "zod";
import { createCatalogue, defineTask, type TasksOf } from "#task";

const ping = {
  queue: "default",
  input: z.strictObject({}),
  output: z.strictObject({ status: z.literal("pong") }),
  retry: { attempts: 1 },
  run: async () => ({ status: "pong" as const }),
} as const;

/** Pings with limits that never bind. */
export const catalogue = createCatalogue([
  defineTask({ ...ping, name: "off" }),
  defineTask({ ...ping, name: "rate", rateLimit: "1000000/s" }),
  defineTask({ ...ping, name: "concurrency", concurrency: 1000 }),
  defineTask({ ...ping, name: "key", concurrency: 1000, concurrencyKey: () => "one" }),
]);
export type LimitTasks = TasksOf<typeof catalogue>;
export const catalogueUrl = import.meta.url;
