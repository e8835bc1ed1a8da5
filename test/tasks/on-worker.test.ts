import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient } from "#client";
import { catalogue, type Tasks } from "#tasks";
import { createWorld, type World } from "../support/world.ts";

let world: World;
let client: Client<Tasks>;
beforeAll(async () => {
  world = await createWorld();
  await world.worker({ catalogue });
  client = createClient<Tasks>({ redis: world.redis });
});
afterAll(async () => {
  await client.close();
  await world.close();
});

test("the eleven tasks are there, under the names that clients use", async () => {
  expect((await client.tasks()).map((task) => task.name)).toEqual([
    "tasks.data_tasks.aggregate_data",
    "tasks.data_tasks.process_large_csv",
    "tasks.data_tasks.process_new_data",
    "tasks.ml_tasks.batch_predictions",
    "tasks.ml_tasks.distributed_training",
    "tasks.ml_tasks.hyperparameter_search",
    "tasks.ml_tasks.retrain_models",
    "tasks.simple_tasks.check_cluster_health",
    "tasks.simple_tasks.cleanup_old_results",
    "tasks.simple_tasks.ping",
    "tasks.simple_tasks.send_notification",
  ]);
});

test("the same notification id is sent once", async () => {
  const notification = { id: "only-once", subject: "s", message: "m" };
  const results = [];
  for (const _round of [1, 2]) {
    const job = await client.enqueue("tasks.simple_tasks.send_notification", notification);
    results.push(await job.result({ timeout: "10s" }));
  }
  expect(results).toEqual([
    { id: "only-once", sent: ["log"], alreadySent: [] },
    { id: "only-once", sent: [], alreadySent: ["log"] },
  ]);
});

test("a channel without settings is an error, not a success", async () => {
  const job = await client.enqueue("tasks.simple_tasks.send_notification", {
    subject: "s",
    message: "m",
    channels: ["webhook"],
  });
  await expect(job.result({ timeout: "10s" })).rejects.toMatchObject({ code: "NOTIFICATION_UNCONFIGURED" });
});

test("a dry clean-up counts and removes nothing; a real one removes what ended", async () => {
  const old = await client.enqueue("tasks.simple_tasks.ping", {});
  await old.result({ timeout: "10s" });
  const clean = async (dryRun: boolean) =>
    (
      await client.enqueue("tasks.simple_tasks.cleanup_old_results", {
        olderThan: "0s",
        // The cluster is shared: another test may still wait for the end of its Ray job.
        rayJobsOlderThan: "1d",
        dryRun,
      })
    ).result({
      timeout: "20s",
    });
  expect((await clean(true)).jobs["default"]?.completed).toBeGreaterThan(0);
  expect(await old.state()).toBe("completed");
  expect((await clean(false)).jobs["default"]?.completed).toBeGreaterThan(0);
  await expect(old.state()).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
});
