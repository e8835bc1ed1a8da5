import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { expect, inject, test } from "vitest";
import { apiCaller } from "../../test/support/api.ts";
import { startCuttingProxy } from "../../test/support/cutting-proxy.ts";
import { createDashboardWorld } from "../../test/support/dashboard-world.ts";
import { eventually } from "../../test/support/world.ts";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** A Python program of this folder; its output, whatever its exit code. */
function python(args: string[], env: Record<string, string> = {}): Promise<string> {
  return promisify(execFile)(path("../../.venv/bin/python"), ["-B", path(args[0] ?? ""), ...args.slice(1)], {
    env: { PATH: process.env["PATH"], ...env },
  }).then(
    ({ stdout }) => stdout,
    (error: { code?: unknown; stdout: string; stderr: string }) => {
      if (error.stderr !== "") throw new Error(error.stderr);
      return `${error.stdout}exit code ${error.code}`;
    },
  );
}

test("calls and results in Celery's words reach Lovage, and a request that is sent again makes no second job", async () => {
  const world = await createDashboardWorld();
  const proxy = await startCuttingProxy(world.url, 10);
  try {
    await world.worker();
    const api = await apiCaller(world);
    await eventually("the tasks are published", async () => (await api.get("/tasks")).body.tasks.length > 0);
    const env = { LOVAGE_URL: world.url, LOVAGE_API_KEY: api.token, CUT_URL: proxy.url };
    expect(JSON.parse(await python(["calls_check.py"], env))).toEqual({
      "one job": true,
      result: { text: "once", attempt: 1 },
      ended: ["SUCCESS", true, true, "once"],
      error: "JOB_FAILED",
      "error as a value": "JOB_FAILED",
      failed: ["FAILURE", true],
      cancelled: "REVOKED",
      unknown: [null, "PENDING"],
      "too long": "WAIT_TIMEOUT",
      "bad input": "INPUT_INVALID",
      "another input": "IDEMPOTENCY_CONFLICT",
      "nobody there": "API_UNAVAILABLE",
      cut: "cut",
      input: { text: "a", end: "b", more: 1 },
      "input by name alone": [{ a: 1 }, "TypeError"],
      "input without names": "TypeError",
      options: true,
      "a moment without a zone": "ValueError",
      stays: [["retries"], ["chain"], []],
    });
    // The line was cut once, after the request had come through.
    expect(proxy.connections()).toBe(2);
    expect((await api.get("/jobs?tag=cut")).body.jobs).toHaveLength(1);
  } finally {
    await proxy.close();
    await world.close();
  }
});

test("what Celery still has of a queue is counted: waiting by priority, held, held for later", async () => {
  // As kombu 5.7 leaves it; a database of its own, for these keys have no prefix.
  const url = `${inject("redisUrl")}/9`;
  const redis = new Redis(url, { lazyConnect: true });
  try {
    await redis.flushdb();
    await redis.rpush("default", "one");
    await redis.rpush("default\x06\x169", "least urgent");
    const held = (queue: string, eta: string | null) => JSON.stringify([{ headers: { eta } }, "", queue]);
    await redis.hset("unacked", {
      a: held("default", "2030-01-01T00:00:00Z"),
      b: held("default", null),
      c: held("ml", null),
    });
    expect(await python(["drained.py", url, "default", "data"])).toBe(
      "default: 2 waiting, 2 held by workers, 1 of these for a later time\n" +
        "data: 0 waiting, 0 held by workers, 0 of these for a later time\n" +
        "exit code 1",
    );
    expect(await python(["drained.py", url, "data"])).not.toContain("exit code");
  } finally {
    await redis.flushdb();
    redis.disconnect();
  }
});
