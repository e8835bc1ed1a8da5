import * as z from "zod";
import { createCatalogue, defineTask, type TasksOf } from "#task";

const report = defineTask({
  name: "books.report",
  queue: "default",
  input: z.strictObject({ region: z.string() }),
  output: z.string(),
  run: async ({ region }) => `the report for ${region}`,
  schedules: [
    {
      name: "report-eu",
      cron: "30 2 * * *",
      timeZone: "Europe/Berlin",
      input: { region: "EU" },
      jitter: "5m",
      missed: { within: "12h" },
      expires: "6h",
      tags: ["nightly"],
    },
    { name: "report-asia", cron: "30 2 * * 1-5", timeZone: "Asia/Dhaka", input: { region: "Asia" } },
  ],
});

const prices = defineTask({
  name: "books.prices",
  queue: "default",
  input: z.strictObject({}),
  output: z.null(),
  run: async () => null,
  // Every quarter of an hour; prices of the last quarter are of no use, so nothing is made up for.
  schedule: { every: "15m", overlap: "skip", missed: "skip" },
});

export const catalogue = createCatalogue([report, prices]);
export type Tasks = TasksOf<typeof catalogue>;
