import { afterEach, beforeEach, expect, test } from "vitest";
import * as z from "zod";
import { createCatalogue, defineTask } from "#task";
import { walkDeadLetters } from "../../src/queue/dead-letters.ts";
import { readSnapshot } from "../../src/queue/snapshot.ts";
import { kindsOfGarbage, pushGarbage } from "../chaos/garbage.ts";
import { createRandom } from "../chaos/random.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

const ping = defineTask({
  name: "tasks.simple_tasks.ping",
  queue: "default",
  input: z.strictObject({}),
  output: z.null(),
  run: async () => null,
});

let world: World;

beforeEach(async () => {
  world = await createWorld();
});

afterEach(() => world.close());

test("whatever lies in Redis in the place of a job ends, with a code, and the worker goes on", async () => {
  const { broker } = world;
  const { redis, keys } = broker;
  const garbage = kindsOfGarbage(createRandom(1)).map((one, number) => ({ ...one, id: `garbage-${number}` }));
  for (const one of garbage) await pushGarbage(broker, "default", one.id, one);
  const catalogue = createCatalogue([ping]);
  await world.worker({ catalogue, queues: ["default"], lockDuration: 1000 });

  const jobs = garbage.filter(
    ({ fields, collection }) =>
      fields !== undefined && (collection === undefined || ["delayed", "prioritized"].includes(collection)),
  );
  const unended = async () => {
    const ended = await Promise.all(
      jobs.map(({ id }) => redis.hexists(keys.job("default", id), "finishedOn")),
    );
    return jobs.filter((_job, index) => ended[index] === 0).map(({ what }) => what);
  };
  await eventually("all have ended", async () => (await unended()).length === 0, 60_000).catch(() => {});
  expect(await unended()).toEqual([]);

  const wrong: string[] = [];
  for (const { id, what, ends } of jobs) {
    const { state, error } = await readSnapshot(broker, "default", id);
    if (ends !== "any" && !ends.includes(error?.code ?? "")) wrong.push(`${what}: ${state} ${error?.code}`);
  }
  expect(wrong).toEqual([]);
  // All can be sent as JSON.
  for await (const { snapshot } of walkDeadLetters(broker, {})) JSON.stringify(snapshot);

  const job = await world.connect({ catalogue }).enqueue("tasks.simple_tasks.ping" as never, {} as never);
  expect(await job.result({ timeout: "20s" })).toBeNull();
}, 120_000);
