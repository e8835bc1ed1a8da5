import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LocalRedis, startValkey } from "../../src/dev/valkey.ts";
import { freePort } from "../support/free-port.ts";
import { startOwnRedis } from "../support/own-redis.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let redis: LocalRedis;
let world: World;
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "lovage-redis-"));
  redis = await startValkey({ port: await freePort(), dir });
  world = await createWorld({ redisUrl: redis.url, client: { timeout: "1s" } });
});
afterAll(async () => {
  // A test that failed half-way left Redis dead, and nothing closes in good order without it.
  await redis.restart();
  await world.close();
  await redis.stop();
  rmSync(dir, { recursive: true, force: true });
});

test.each(["killed", "restarted"])(
  "a worker that has nothing to do ends soon, though Redis was just %s",
  async (how) => {
    const own = await startOwnRedis();
    const idle = await createWorld({ redisUrl: own.url });
    try {
      const worker = await idle.workerProcess({ WORKER_SHUTDOWN_TIMEOUT: "2m" });
      await own.kill();
      await eventually("it has noticed", () => worker.output().includes("ECONNREFUSED"));
      if (how === "restarted") await own.restart();
      const told = Date.now();
      worker.process.kill("SIGTERM");
      await eventually("it is gone", () => worker.process.exitCode !== null);
      // The time to finish is two minutes; who restarts a worker must not wait for it.
      expect(Date.now() - told).toBeLessThan(20_000);
      expect(worker.process.exitCode).toBe(0);
      if (how === "killed") await own.restart();
    } finally {
      await idle.close();
      await own.remove();
    }
  },
  120_000,
);

test("with Redis away every call of a handle ends in its time, and a worker that is told to stop does", async () => {
  const worker = await world.workerProcess({ WORKER_SHUTDOWN_TIMEOUT: "1s" });
  const job = await world.client.enqueue("test.echo", { seconds: 60 });
  await eventually("it runs", async () => (await job.state()) === "active");
  const waiting = job.result({ timeout: "3s" });
  await redis.kill();
  worker.process.kill("SIGTERM");
  await expect(waiting).rejects.toMatchObject({ code: "WAIT_TIMEOUT" });
  await expect(job.result({ timeout: "1s" })).rejects.toMatchObject({ code: "WAIT_TIMEOUT" });
  await expect(job.state()).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
  await expect(job.cancel()).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
  await expect(Array.fromAsync(job.logs())).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
  await eventually("the worker is gone", () => worker.process.exitCode === 1);
  expect(worker.output()).toContain("1 jobs could not be handed back in time");
}, 120_000);

test.each([
  ["a file that is no certificate", { RAY_CA_FILE: "/etc/hostname" }, "CONFIG_INVALID"],
  ["no such folder of programs", { LOVAGE_TEST_PROGRAMS: "/nowhere" }, "PROGRAM_MISSING"],
])("a worker that cannot start ends: %s", async (_what, environment, code) => {
  await expect(world.workerProcess(environment)).rejects.toThrow(code);
});
