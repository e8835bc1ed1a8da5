import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient } from "#client";
import { catalogue, type Tasks } from "#tasks";
import type { LocalRay } from "../../src/dev/ray.ts";
import { startOwnRay } from "../support/own-ray.ts";
import { createWorld } from "../support/world.ts";

// A Ray of its own: on the shared one other tests ask for what no cluster has, and that is no good health.
let ray: LocalRay;
beforeAll(async () => {
  ray = await startOwnRay();
});
afterAll(() => ray.stop());

async function createHealthWorld(settings: { expectedNodes: number; expectedCpus: number }) {
  const world = await createWorld({ rayAddress: ray.address });
  await world.worker({ catalogue, settings });
  const client = createClient<Tasks>({ redis: world.redis });
  return {
    client,
    check: async () =>
      (await client.enqueue("tasks.simple_tasks.check_cluster_health", {})).result({ timeout: "20s" }),
    async close() {
      await client.close();
      await world.close();
    },
  };
}

test("the health of a real Ray and a real Redis is ok, twice, and nobody is told", async () => {
  const world = await createHealthWorld({ expectedNodes: 1, expectedCpus: 2 });
  for (const _round of [1, 2]) {
    expect(await world.check()).toMatchObject({ verdict: "ok", reasons: [], notified: [] });
  }
  await world.close();
});

test("a cluster that is smaller than expected is degraded, and that is told once", async () => {
  const world = await createHealthWorld({ expectedNodes: 9, expectedCpus: 25 });
  const first = await world.check();
  expect(first).toMatchObject({ verdict: "degraded" });
  expect(first.reasons.map((reason) => reason.code)).toEqual(["RAY_NODES_MISSING", "RAY_CPUS_MISSING"]);
  expect(first.notified).toHaveLength(1);
  const notification = await world.client.get(first.notified[0] ?? "");
  expect(await notification.result({ timeout: "10s" })).toMatchObject({ sent: ["log"] });
  expect((await world.check()).notified).toEqual([]);
  await world.close();
});
