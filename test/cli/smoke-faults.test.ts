/** What `lovage smoke` says of installations that are not whole, and of one that is only busy. */

import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createClient } from "#client";
import type { CheckReport } from "../../src/cli/smoke/check.ts";
import type { SmokeDocument } from "../../src/cli/smoke/report.ts";
import { runLovage } from "../support/lovage-process.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld();
  const catalogue = new URL("../support/ping-catalogue.ts", import.meta.url).href;
  await world.workerProcess({
    WORKER_NAME: "odd",
    WORKER_QUEUES: "ml,default",
    ML_CONCURRENCY: "1",
    DEFAULT_CONCURRENCY: "1",
    LOVAGE_TEST_CATALOGUE: catalogue,
  });
});
afterAll(() => world?.close());

async function smoke(timeout: string): Promise<{ code: number | null; checks: Record<string, CheckReport> }> {
  const { code, stdout } = await runLovage(["smoke", "--json", "--timeout", timeout], {
    ...world.variables,
    RAY_ADDRESS: inject("rayAddress"),
    RAY_EXPECTED_NODES: "1",
    RAY_EXPECTED_CPUS: "2",
  });
  const { checks } = JSON.parse(stdout) as SmokeDocument;
  return { code, checks: Object.fromEntries(checks.map((each) => [each.check, each])) };
}

test("all faults are told at once: a queue without a worker, a task that is missing, no scheduler", async () => {
  const { code, checks } = await smoke("2s");
  expect(code).toBe(1);
  expect(checks["ping data"]).toMatchObject({
    result: "failed",
    message: "no live worker takes jobs from data",
    hint: "start one: lovage worker --queues data",
  });
  expect(checks["ping ml"]).toMatchObject({ result: "ok" });
  const tasks = checks["tasks"]?.message ?? "";
  expect(tasks).toContain("no live worker has the 3 tasks of data");
  expect(tasks).toMatch(/odd lacks tasks\.ml_tasks\.distributed_training, .*send_notification/);
  expect(tasks).not.toContain("tasks.simple_tasks.ping");
  expect(tasks).not.toContain("process_large_csv,");
  expect(checks["scheduler"]).toMatchObject({
    result: "failed",
    message: "no scheduler acts: schedules do not fire",
  });
  expect((await world.client.search({ tag: "smoke" })).jobs).toEqual([]);
});

test("a long line, or slots that long jobs hold, are no fault", async () => {
  const client = createClient({ redis: world.redis });
  const nap = (seconds: number) => ({ task: "test.nap", input: { seconds }, options: { tags: ["nap"] } });
  await client.enqueueMany(Array.from({ length: 100 }, () => nap(0.3)));
  const long = await smoke("4s");
  expect(long.checks["ping default"]).toMatchObject({
    result: "ok",
    message: expect.stringMatching(
      /turn did not come within 4\.0s \(\d+ other jobs wait\), but odd took others/,
    ),
  });
  await client.control.purge("default");

  const since = Date.now();
  const busy = await client.enqueue("test.nap", { seconds: 60 });
  await eventually("the worker tells that it took it", async () => {
    const workers = await client.inspect.workers();
    return workers.some(({ queues }) => queues.some(({ takenAt }) => Number(takenAt) >= since));
  });
  const full = await smoke("3s");
  expect(full.checks["ping default"]).toMatchObject({
    result: "ok",
    message: expect.stringContaining("odd had all 1 slot taken by long jobs"),
  });
  await busy.cancel();
  await eventually("it has ended", async () => (await busy.snapshot()).endedAt);
  expect((await world.client.search({ tag: "smoke" })).jobs).toEqual([]);

  // BullMQ's own limit, which Lovage never sets: nothing is taken, though nothing is paused and slots are free.
  await world.broker.queue("default").setGlobalConcurrency(0);
  const stuck = await smoke("3s");
  expect(stuck.checks["ping default"]).toMatchObject({
    result: "failed",
    message: expect.stringMatching(/^nothing took the ping within 3\.0s, nor any other job: odd is/),
  });
  await world.broker.queue("default").removeGlobalConcurrency();
  await client.close();
});
