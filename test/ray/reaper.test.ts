import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createReaper } from "../../src/ray/reaper.ts";
import { RayError } from "../../src/ray-client-http/index.ts";
import { createScriptedCluster, createScriptedHost } from "./scripted-cluster.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function createReaping() {
  const cluster = createScriptedCluster();
  const { stops, stopping, logger } = createScriptedHost();
  return { cluster, stopping, reaper: createReaper({ clients: { default: cluster.client }, stops, logger }) };
}

test("a Ray job that the cluster does not know yet is looked for, and stopped when it appears", async () => {
  const { cluster, stopping, reaper } = createReaping();
  stopping.add("late").add("never");
  await reaper.start();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([...stopping]).toEqual(["late", "never"]);
  cluster.jobs.set("late", { status: "RUNNING", log: "" });
  await vi.advanceTimersByTimeAsync(9000);
  expect(cluster.jobs.get("late")?.status).toBe("STOPPED");
  expect([...stopping]).toEqual(["never"]);
  await vi.advanceTimersByTimeAsync(120_000);
  expect([...stopping]).toEqual([]);
  await reaper.stop();
});

test("one that Ray refuses to stop does not keep the others from it", async () => {
  const { cluster, stopping, reaper } = createReaping();
  cluster.jobs.set("a-refused", { status: "RUNNING", log: "" });
  cluster.jobs.set("b-fine", { status: "RUNNING", log: "" });
  stopping.add("a-refused").add("b-fine");
  cluster.before = async (call) => {
    const first = cluster.calls.filter((one) => one === "stop").length === 1;
    if (call === "stop" && first) throw new RayError("RAY_REJECTED", "no");
  };
  await reaper.start();
  await vi.advanceTimersByTimeAsync(3500);
  expect(cluster.jobs.get("b-fine")?.status).toBe("STOPPED");
  await reaper.stop();
});

test("each is stopped on its own cluster; a silent cluster keeps none of the others from it", async () => {
  const [here, gpu] = [createScriptedCluster(), createScriptedCluster()];
  const { stops, stopping, logger } = createScriptedHost();
  const reaper = createReaper({ clients: { default: here.client, gpu: gpu.client }, stops, logger });
  for (const { jobs } of [here, gpu]) jobs.set("same", { status: "RUNNING", log: "" });
  stopping.add("gpu@same").add("same").add("gone@same");
  gpu.before = async () => {
    throw new RayError("RAY_UNAVAILABLE", "no answer");
  };
  await reaper.start();
  await vi.advanceTimersByTimeAsync(6500);
  expect([here.jobs.get("same")?.status, gpu.jobs.get("same")?.status]).toEqual(["STOPPED", "RUNNING"]);
  expect([...stopping]).toEqual(["gpu@same", "gone@same"]);
  gpu.before = async () => {};
  await vi.advanceTimersByTimeAsync(6500);
  expect(gpu.jobs.get("same")?.status).toBe("STOPPED");
  // Of a cluster that this process does not know another may.
  expect([...stopping]).toEqual(["gone@same"]);
  await reaper.stop();
});
