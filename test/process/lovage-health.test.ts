/** The health ports of the scheduler and the dashboard, as their processes have them. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { startOwnRedis } from "../support/own-redis.ts";
import { eventually } from "../support/world.ts";

const lovage = fileURLToPath(new URL("../../src/bin/lovage.ts", import.meta.url));
const children: ChildProcess[] = [];
let redis: Awaited<ReturnType<typeof startOwnRedis>>;

beforeEach(async () => {
  redis = await startOwnRedis();
});
afterEach(async () => {
  redis.resume();
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  await redis.remove();
});

function start(args: readonly string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, [lovage, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      PATH: process.env["PATH"],
      REDIS_URL: redis.url,
      RAY_ADDRESS: inject("rayAddress"),
      DASHBOARD_PASSWORD: "a password for the test",
      LOG_LEVEL: "error",
      ...environment,
    },
  });
  children.push(child);
  let said = "";
  child.stderr.on("data", (piece) => {
    said += String(piece);
  });
  return { child, said: () => said };
}

async function status(port: number, path: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { redirect: "manual" });
  await response.text();
  return response.status;
}

const comes = (port: number, path: string, wanted: number) =>
  eventually(`${path} to say ${wanted}`, () =>
    status(port, path).then(
      (code) => code === wanted,
      () => false,
    ),
  );

test("schedulers are ready whether they act or stand by, and not without Redis", async () => {
  const [first, second] = [await freePort(), await freePort()];
  start(["scheduler", "--health-port", String(first)]);
  await comes(first, "/readyz", 200);
  start(["scheduler"], { HEALTH_PORT: String(second) });
  await comes(second, "/readyz", 200);
  const leaders = async () => {
    const texts = await Promise.all(
      [first, second].map(async (port) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()),
    );
    return texts.map((text) => /^lovage_scheduler_leader (\d)$/m.exec(text)?.[1]);
  };
  expect(await leaders()).toEqual(["1", "0"]);
  redis.pause();
  await comes(first, "/readyz", 503);
  expect(await status(first, "/livez")).toBe(200);
  const { body } = await fetch(`http://127.0.0.1:${first}/metrics`).then(async (r) => ({
    body: await r.text(),
  }));
  expect(body).toMatch(/^lovage_redis_up 0$/m);
  redis.resume();
  await comes(first, "/readyz", 200);
});

test("the dashboard's own port answers probes to everybody, and metrics to those who are logged in", async () => {
  const [port, health] = [await freePort(), await freePort()];
  start(["dashboard", "--port", String(port), "--health-port", String(health)]);
  await comes(port, "/readyz", 200);
  expect(await status(port, "/livez")).toBe(200);
  expect([302, 303, 401]).toContain(await status(port, "/metrics"));
  expect(await status(health, "/metrics")).toBe(200);
  redis.pause();
  await comes(port, "/readyz", 503);
  expect(await status(port, "/livez")).toBe(200);
});

test("a health port that is taken ends the process, which says so", async () => {
  const { child, said } = start(["scheduler", "--health-port", String(redis.port)]);
  await once(child, "exit");
  expect(child.exitCode).not.toBe(0);
  expect(said()).toContain("PORT_TAKEN");
  expect(said()).toContain("--health-port");
});
