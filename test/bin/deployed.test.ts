/** The processes as they are deployed: Redis by TLS and as its two users, the dashboard at https. */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient } from "#client";
import type { Tasks } from "#tasks";
import { fetchTrusting } from "../../src/client/http/trust.ts";
import { makeCertificate } from "../support/certificate.ts";
import { freePort } from "../support/free-port.ts";
import { startTlsProxy } from "../support/tls-proxy.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

const lovage = fileURLToPath(new URL("../../src/bin/lovage.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "lovage-deployed-"));
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const certificate = makeCertificate();
const { ca } = certificate;
const files = {
  REDIS_CA_FILE: file("ca.crt", ca),
  DASHBOARD_TLS_CERT_FILE: file("dashboard.crt", certificate.cert),
  DASHBOARD_TLS_KEY_FILE: file("dashboard.key", certificate.key),
};
const children: ChildProcess[] = [];
const said: string[] = [];

let world: World;
let proxy: Awaited<ReturnType<typeof startTlsProxy>>;
let ports: { worker: number; scheduler: number; dashboard: number };
const send = fetchTrusting(ca);

/** What the environment of a process says whose user of Redis this is. */
function environmentOf(user: "worker" | "client"): Record<string, string> {
  const { url, username, password } = world.users[user];
  const of = new URL(url ?? `redis://${username}:${password}@host`);
  return {
    PATH: process.env["PATH"] ?? "",
    REDIS_PORT: String(proxy.port),
    REDIS_TLS: "true",
    REDIS_CA_FILE: files.REDIS_CA_FILE,
    REDIS_PREFIX: world.prefix,
    REDIS_USERNAME: of.username,
    REDIS_PASSWORD: of.password,
  };
}

function start(args: readonly string[]): void {
  const settings = { ...files, DASHBOARD_PASSWORD: "a password for the test", LOG_LEVEL: "warn" };
  const child = spawn(process.execPath, [lovage, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: folder,
    env: { ...environmentOf("worker"), ...settings },
  });
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (piece) => void said.push(String(piece)));
  children.push(child);
}

const run = async (user: "worker" | "client", ...args: string[]) =>
  promisify(execFile)(process.execPath, [lovage, ...args], { cwd: folder, env: environmentOf(user) });

const ask = (url: string) => (url.startsWith("https:") ? send(url) : fetch(url));

beforeAll(async () => {
  world = await createWorld({ callsOnly: true });
  proxy = await startTlsProxy(Number(new URL(world.redis.url).port), certificate);
  await world.broker.redis.acl("LOG", "RESET");
  ports = { worker: await freePort(), scheduler: await freePort(), dashboard: await freePort() };
  start(["worker", "--queues", "default", "--health-port", String(ports.worker)]);
  start(["scheduler", "--health-port", String(ports.scheduler)]);
  start(["dashboard", "--port", String(ports.dashboard)]);
  const bases = [`http://127.0.0.1:${ports.worker}`, `http://127.0.0.1:${ports.scheduler}`];
  for (const base of [...bases, `https://127.0.0.1:${ports.dashboard}`]) {
    await eventually(`${base} to be ready`, () =>
      ask(`${base}/readyz`).then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
  }
});
afterAll(async () => {
  for (const child of children) {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  await proxy.close();
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

test("a program that may only call enqueues by TLS, and reads the result", async () => {
  const { url: _url, ...user } = world.users.client;
  const client = createClient<Tasks>({ redis: { ...user, port: proxy.port, tls: true, ca } });
  const job = await client.enqueue("tasks.simple_tasks.ping", {});
  expect(await job.result({ timeout: "20s" })).toMatchObject({ status: "pong" });
  await expect(client.control.shutdown()).rejects.toMatchObject({ code: "REDIS_FORBIDDEN" });
  await client.close();
});

test("so does the command line; an operator's command as that user ends with what to do", async () => {
  const { stdout } = await run("client", "enqueue", "tasks.simple_tasks.ping", "--wait", "--json");
  expect(stdout).toContain("pong");
  const refused = await run("client", "inspect", "ping").catch((error) => error);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("REDIS_FORBIDDEN") });
  expect(refused.stderr).toContain("the user client may");
  expect((await run("worker", "inspect", "ping")).stdout).toContain("pong");
});

test("a process that is started as the wrong user ends at once", async () => {
  const refused = await run("client", "scheduler").catch((error) => error);
  expect(refused.code).toBe(1);
  expect(refused.stderr + refused.stdout).toContain("REDIS_FORBIDDEN");
});

test("the API is called with a key; pages are behind the login", async () => {
  const made = JSON.parse(
    (await run("worker", "keys", "create", "ci", "--scope", "enqueue", "read", "--json")).stdout,
  );
  const apiKey = made.token as string;
  const client = createClient<Tasks>({ url: `https://127.0.0.1:${ports.dashboard}`, apiKey, ca });
  const job = await client.enqueue("tasks.simple_tasks.ping", {});
  expect(await job.result({ timeout: "20s" })).toMatchObject({ status: "pong" });
  await client.close();
  const login = await send(`https://127.0.0.1:${ports.dashboard}/login`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ name: "admin", password: "a password for the test" }).toString(),
  });
  const cookie = login.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  const paths = [
    "/",
    "/jobs",
    "/workers",
    "/schedules",
    "/workflows",
    "/tasks",
    "/charts",
    "/keys",
    "/audit",
    "/metrics",
    "/board/",
  ];
  for (const path of paths) {
    const page = await send(`https://127.0.0.1:${ports.dashboard}${path}`, { headers: { cookie } });
    expect([path, page.status]).toEqual([path, 200]);
  }
});

test("nothing that the processes needed was refused, and nothing that they said was trouble", async () => {
  const refusals = (await world.broker.redis.acl("LOG")) as unknown[];
  const worker = environmentOf("worker")["REDIS_USERNAME"] ?? "";
  expect(refusals.map((entry) => JSON.stringify(entry)).filter((entry) => entry.includes(worker))).toEqual(
    [],
  );
  expect(said.join("")).not.toMatch(/"level":[45]0|REDIS_|NOPERM/);
  expect(said.join("")).toContain(`https://127.0.0.1:${ports.dashboard}`);
});
