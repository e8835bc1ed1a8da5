import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { createRayClient } from "../../src/ray-client-http/index.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

test("a worker killed with -9 while its Ray job runs: another re-attaches, the cluster saw one submission", async () => {
  const first = await world.workerProcess({ WORKER_NAME: "first" });
  const job = await world.client.enqueue("test.ray_echo", { seconds: 12, text: "survives", lines: 5 });
  await eventually("the program runs", () => world.runs(job.id).length === 1);
  await eventually("some of its log is mirrored", async () =>
    (await Array.fromAsync(job.logs())).includes("line 4"),
  );
  await first.kill();
  const second = await world.workerProcess({ WORKER_NAME: "second" });
  expect(await job.result({ timeout: "90s" })).toEqual({ text: "survives", attempt: 1 });
  expect((await job.snapshot()).worker).toBe("second");
  expect(second.output()).toContain("re-attached to the Ray job");
  const submissionId = await world.submissionId(job.id);
  await eventually("its end is logged", () => second.output().includes('"completed"'));
  const lines = second
    .output()
    .split("\n")
    .filter((line) => line.includes(job.id) && !line.includes("fell silent"));
  for (const line of lines) {
    expect(JSON.parse(line)).toMatchObject({ task: "test.ray_echo", queue: "ml", attempt: 1, submissionId });
  }
  expect(world.runs(job.id)).toEqual([await world.submissionId(job.id)]);
  const ray = createRayClient({ address: inject("rayAddress") });
  const submissions = (await ray.list()).filter((rayJob) => rayJob.metadata?.["lovage_job_id"] === job.id);
  expect(submissions.map((rayJob) => rayJob.submissionId)).toEqual([await world.submissionId(job.id)]);
  await ray.close();
  const log = await Array.fromAsync(job.logs());
  expect(log.filter((line) => line === "line 4")).toHaveLength(1);
});

test("a stopping worker leaves its Ray job running; the next one goes on at once", async () => {
  const first = await world.workerProcess({ WORKER_NAME: "first" });
  const job = await world.client.enqueue("test.ray_echo", { seconds: 15, text: "goes on" });
  await eventually("the program runs", () => world.runs(job.id).length === 1);
  await first.stop();
  expect(first.process.exitCode).toBe(0);
  expect(await job.state()).toBe("waiting");
  await world.workerProcess({ WORKER_NAME: "second" });
  expect(await job.result({ timeout: "60s" })).toEqual({ text: "goes on", attempt: 1 });
  expect(world.runs(job.id)).toHaveLength(1);
});

test("a second TERM ends the worker at once; its job is taken over", async () => {
  const first = await world.workerProcess({ WORKER_SHUTDOWN_TIMEOUT: "1h" });
  const job = await world.client.enqueue("test.echo", { seconds: 2, text: "again" });
  await eventually("the job runs", async () => (await job.state()) === "active");
  first.process.kill("SIGTERM");
  await eventually("it says that it stops", () => first.output().includes("a second signal stops at once"));
  const told = Date.now();
  await eventually("the signals are apart", () => Date.now() - told > 400);
  first.process.kill("SIGTERM");
  await eventually("it is gone", () => first.process.exitCode === 1);
  await world.workerProcess();
  expect(await job.result({ timeout: "30s" })).toEqual({ text: "again", attempt: 1 });
});

test("cancelled while its worker is dead: the next worker stops the Ray job instead of going on", async () => {
  const first = await world.workerProcess();
  const job = await world.client.enqueue("test.ray_echo", { seconds: 120 });
  await eventually("the program runs", () => world.runs(job.id).length === 1);
  await first.kill();
  await job.cancel("no longer wanted");
  await world.workerProcess();
  await eventually("the job has ended", async () => (await job.snapshot()).endedAt, 60_000);
  expect(await job.state()).toBe("cancelled");
  const ray = createRayClient({ address: inject("rayAddress") });
  await eventually(
    "the Ray job is stopped",
    async () => (await ray.get(await world.submissionId(job.id))).status === "STOPPED",
  );
  await ray.close();
});
