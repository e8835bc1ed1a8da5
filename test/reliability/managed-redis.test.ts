/**
 * Redis as a service has it: TLS, a user with rules, no administration and no CONFIG, DEBUG, or list of clients for anybody,
 * and an INFO that leaves things out.
 */

import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient } from "#client";
import { startValkey } from "../../src/dev/valkey.ts";
import { makeCertificate } from "../support/certificate.ts";
import { freePort } from "../support/free-port.ts";
import { type LovageProcess, runLovage, startLovage } from "../support/lovage-process.ts";
import { rulesOf } from "../support/redis-users.ts";
import { startTlsProxy } from "../support/tls-proxy.ts";

const prefix = "managed";
const users = { worker: randomUUID(), client: randomUUID() };
const { ca, ...pair } = makeCertificate();

let folder: string;
let redis: Awaited<ReturnType<typeof startValkey>>;
let proxy: Awaited<ReturnType<typeof startTlsProxy>>;
let silent: Awaited<ReturnType<typeof startTlsProxy>>;
let variables: Record<string, string>;
const running: LovageProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lovage-managed-"));
  writeFileSync(join(folder, "ca.pem"), ca);
  redis = await startValkey({
    port: await freePort(),
    dir: join(folder, "redis"),
    path: process.env["PATH"],
    configuration: ["CONFIG", "DEBUG", "SHUTDOWN", "MONITOR", "BGSAVE", "REPLICAOF"].map(
      (command) => `rename-command ${command} ""`,
    ),
  });
  const admin = new Redis(redis.url);
  for (const [name, password] of Object.entries(users)) {
    const rules = rulesOf(name as keyof typeof users, prefix);
    await admin.acl("SETUSER", name, "reset", "on", `>${password}`, ...rules, "-client|list");
  }
  admin.disconnect();
  proxy = await startTlsProxy(redis.port, pair);
  silent = await startTlsProxy(redis.port, pair, {
    change: (piece) => piece.replaceAll("maxmemory_policy", "other_thing_here"),
  });
  variables = {
    REDIS_HOST: "127.0.0.1",
    REDIS_PORT: String(proxy.port),
    REDIS_TLS: "true",
    REDIS_CA_FILE: join(folder, "ca.pem"),
    REDIS_USERNAME: "worker",
    REDIS_PASSWORD: users.worker,
    REDIS_PREFIX: prefix,
    RAY_ADDRESS: "http://127.0.0.1:9",
    DATASETS_DIR: folder,
    MODELS_DIR: folder,
    DASHBOARD_PORT: String(await freePort()),
    DASHBOARD_PASSWORD: "correct horse battery staple",
  };
  running.push(
    ...(await Promise.all(
      ["worker", "scheduler", "dashboard"].map((name) => startLovage([name], variables)),
    )),
  );
});
afterAll(async () => {
  await Promise.all(running.map((process) => process.kill()));
  await Promise.all([proxy?.close(), silent?.close()]);
  await redis?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("worker, scheduler, dashboard and command line do their work on it", async () => {
  const dashboard = `http://127.0.0.1:${variables["DASHBOARD_PORT"]}`;
  const smoke = await runLovage(["smoke", "--dashboard", dashboard], variables);
  expect(smoke.code, smoke.stdout + smoke.stderr).toBe(0);
  for (const command of [["config"], ["inspect", "queues"], ["inspect", "workers"], ["schedules"]]) {
    const { code, stdout, stderr } = await runLovage(command, variables);
    expect(code, `${command.join(" ")}: ${stdout}${stderr}`).toBe(0);
  }
  for (const process of running) expect(process.output()).not.toMatch(/FORBIDDEN|NOPERM|unknown command/i);
});

test("a caller enqueues and waits as the user that may only call", async () => {
  const settings = { host: "127.0.0.1", port: proxy.port, tls: true, ca, prefix };
  const client = createClient({ redis: { ...settings, username: "client", password: users.client } });
  const job = await client.enqueue("tasks.simple_tasks.ping", {});
  expect(await job.result({ timeout: "30s" })).toMatchObject({ status: "pong" });
  await client.close();
});

test("one that does not tell its policy is used, and smoke warns of it", async () => {
  const smoke = await runLovage(["smoke", "--json"], { ...variables, REDIS_PORT: String(silent.port) });
  expect(smoke.code, smoke.stdout + smoke.stderr).toBe(0);
  const { checks } = JSON.parse(smoke.stdout) as {
    checks: { check: string; result: string; message: string }[];
  };
  expect(checks.find(({ check }) => check === "redis")).toMatchObject({
    result: "warning",
    message: expect.stringContaining("does not tell its maxmemory-policy"),
  });
});
