import { afterEach, beforeEach, expect, test } from "vitest";
import * as z from "zod";
import { createCatalogue, defineTask, type ScheduleOptions } from "#task";
import { startScheduler } from "../support/scheduler.ts";
import { createWorld, eventually, type RunningWorker, type World } from "../support/world.ts";

let world: World;
const schedulers: RunningWorker[] = [];
beforeEach(async () => {
  world = await createWorld();
});
afterEach(async () => {
  await Promise.all(schedulers.splice(0).map((scheduler) => scheduler.stop()));
  await world.close();
});

function catalogueOf(schedule: ScheduleOptions<{ text?: string }> | undefined) {
  return createCatalogue([
    defineTask({
      name: "test.tick",
      queue: "default",
      input: z.strictObject({ text: z.string().default("tick") }),
      output: z.string(),
      run: async ({ text }) => text,
      ...(schedule && { schedule }),
    }),
  ]);
}

test("declared with its task, fired by the scheduler, run by a worker", async () => {
  const catalogue = catalogueOf({ every: "1s", input: { text: "tock" }, tags: ["timed"], priority: 2 });
  await world.worker({ catalogue });
  schedulers.push(await startScheduler(world, { catalogue }));
  const { last } = await eventually("it fired", async () => {
    const view = await world.client.schedules.get("test.tick");
    return view.last !== null && { ...view, last: view.last };
  });
  const job = await world.client.get(last.job.id);
  expect(await job.result({ timeout: "10s" })).toBe("tock");
  expect(await job.snapshot()).toMatchObject({
    tags: ["timed"],
    metadata: { schedule: { name: "test.tick", at: last.at.toISOString() } },
  });
  expect(last.at.getTime() % 1000).toBe(0);
});
