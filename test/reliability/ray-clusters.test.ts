import { afterAll, afterEach, beforeAll, expect, inject, test } from "vitest";
import { createCatalogue, defineRayTask } from "#task";
import type { LocalRay } from "../../src/dev/ray.ts";
import { createRayClient, type RayClient } from "../../src/ray-client-http/index.ts";
import { rayEcho, testCatalogue } from "../support/catalogue.ts";
import { startOwnRay } from "../support/own-ray.ts";
import { createWorld, eventually, type RunningWorker, type World } from "../support/world.ts";

/** Beside the Ray that all tests share, which is the default one here. */
let gpu: LocalRay;
let onGpu: RayClient;
let onDefault: RayClient;
let world: World;
const workers: RunningWorker[] = [];
const changes: string[] = [];

beforeAll(async () => {
  gpu = await startOwnRay();
  onGpu = createRayClient({ address: gpu.address });
  onDefault = createRayClient({ address: inject("rayAddress") });
  world = await createWorld();
}, 300_000);
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.stop();
});
afterAll(async () => {
  await world?.close();
  await Promise.all([onGpu?.close(), onDefault?.close()]);
  await gpu?.stop();
});

async function startWorker(options: Parameters<World["worker"]>[0] = {}): Promise<RunningWorker> {
  const breaker = {
    failures: 3,
    probeInterval: 1000,
    onChange: (state: string) => changes.push(state),
  };
  const worker = await world.worker({ rayClusters: { gpu: gpu.address }, breaker, ...options });
  workers.push(worker);
  return worker;
}

const known = async (client: RayClient, id: string) =>
  (await client.list()).some(({ submissionId }) => submissionId === id);

test("a call names its cluster; one that names none goes to the task's, and an unknown one is refused", async () => {
  await startWorker();
  const { client } = world;
  const there = await client.enqueue("test.ray_echo", { text: "there" }, { rayCluster: "gpu" });
  const here = await client.enqueue("test.ray_echo", { text: "here" });
  expect(await there.result({ timeout: "90s" })).toMatchObject({ text: "there" });
  expect(await here.result({ timeout: "90s" })).toMatchObject({ text: "here" });
  const [thereId, hereId] = [await world.submissionId(there.id), await world.submissionId(here.id)];
  expect([await known(onGpu, thereId), await known(onDefault, thereId)]).toEqual([true, false]);
  expect([await known(onGpu, hereId), await known(onDefault, hereId)]).toEqual([false, true]);

  await expect(client.enqueue("test.ray_echo", {}, { rayCluster: "gpux" })).rejects.toMatchObject({
    code: "RAY_CLUSTER_UNKNOWN",
    hint: expect.stringContaining("did you mean gpu?"),
  });
  await expect(client.enqueue("test.echo", {}, { rayCluster: "gpu" })).rejects.toMatchObject({
    code: "INPUT_INVALID",
    field: "rayCluster",
  });
}, 240_000);

test("a Ray job is found where it runs, though its task's cluster is another by now, and is stopped there", async () => {
  const { name, queue, input, output } = rayEcho;
  const onItsOwn = createCatalogue([
    defineRayTask({
      ...{ name, queue, input, output, program: "echo.py", retry: { attempts: 2 } },
      resources: { cpus: 0.1 },
      cluster: "gpu",
    }),
  ]);
  const first = await startWorker({ catalogue: onItsOwn });
  const job = await world.client.enqueue("test.ray_echo", { text: "moved", seconds: 15 });
  await eventually("the program runs", () => world.runs(job.id).length === 1);
  const dropped = await world.client.enqueue("test.ray_echo", { text: "dropped", seconds: 600 });
  await eventually("the other runs", () => world.runs(dropped.id).length === 1);
  await first.stop();
  await startWorker({ catalogue: testCatalogue });
  expect(await job.result({ timeout: "90s" })).toEqual({ text: "moved", attempt: 1 });
  expect(world.runs(job.id)).toEqual([await world.submissionId(job.id)]);

  await dropped.cancel();
  await eventually("it is stopped on its cluster", async () => {
    const { status } = await onGpu.get(await world.submissionId(dropped.id));
    return status === "STOPPED";
  });
  await eventually("it is cancelled", async () => (await dropped.snapshot()).state === "cancelled");
}, 240_000);

test("a cluster that is down holds up neither the others' jobs nor a slot, and uses up no attempt", async () => {
  await startWorker({ concurrency: 2 });
  changes.length = 0;
  await gpu.killHead();
  const { client } = world;
  const waiting = await Promise.all(
    ["a", "b", "c"].map((text) =>
      client.enqueue("test.ray_echo", { text }, { rayCluster: "gpu", attempts: 1 }),
    ),
  );
  await eventually("the breaker opens", () => changes.includes("open"));
  await eventually("all of them wait aside", async () => {
    const states = await Promise.all(waiting.map(async (job) => (await job.snapshot()).state));
    return states.every((state) => state === "scheduled" || state === "waiting");
  });
  await eventually("the worker tells of it", async () => {
    const [beat] = await client.inspect.workers();
    return ["open", "half-open"].includes(beat?.rayClusters?.["gpu"] ?? "");
  });
  // Both slots are free for the other cluster.
  const others = await Promise.all(["x", "y"].map((text) => client.enqueue("test.ray_echo", { text })));
  for (const job of others) expect(await job.result({ timeout: "90s" })).toMatchObject({ attempt: 1 });

  await gpu.startHead();
  for (const job of waiting) expect(await job.result({ timeout: "200s" })).toMatchObject({ attempt: 1 });
  expect(changes.at(-1)).toBe("closed");
  for (const job of waiting) expect(world.runs(job.id)).toEqual([await world.submissionId(job.id)]);
}, 400_000);
