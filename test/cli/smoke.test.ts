/** `lovage smoke` against real processes: what a deployment's last step sees. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createClient } from "#client";
import type { CheckReport } from "../../src/cli/smoke/check.ts";
import type { SmokeDocument } from "../../src/cli/smoke/report.ts";
import { createAuditLog } from "../../src/queue/audit-log.ts";
import { readActingScheduler } from "../../src/queue/lease.ts";
import { makeCertificate } from "../support/certificate.ts";
import { freePort } from "../support/free-port.ts";
import { type LovageProcess, runLovage, startLovage } from "../support/lovage-process.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

const password = "a password for the test";
const running: LovageProcess[] = [];
let world: World;
let environment: Record<string, string>;
let url: string;

beforeAll(async () => {
  world = await createWorld();
  environment = {
    ...world.variables,
    RAY_ADDRESS: inject("rayAddress"),
    RAY_EXPECTED_NODES: "1",
    RAY_EXPECTED_CPUS: "2",
    DASHBOARD_PASSWORD: password,
    LOG_LEVEL: "error",
    LOVAGE_RELEASE: "aaaaaaaaaaaa",
  };
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const workers = ["ml", "data", "default"].map((queue) => ["worker", "--queues", queue, "--name", queue]);
  const processes = [...workers, ["scheduler"], ["dashboard", "--port", String(port)]];
  running.push(...(await Promise.all(processes.map((args) => startLovage(args, environment)))));
});
afterAll(async () => {
  await Promise.all(running.map((each) => each.kill()));
  await world?.close();
});

interface Seen {
  code: number | null;
  document: SmokeDocument;
  /** By the check's name. */
  checks: Record<string, CheckReport>;
  stderr: string;
}

async function smoke(args: readonly string[], more: Record<string, string> = {}): Promise<Seen> {
  const { code, stdout, stderr } = await runLovage(["smoke", "--json", ...args], { ...environment, ...more });
  const document = JSON.parse(stdout) as SmokeDocument;
  return {
    code,
    document,
    checks: Object.fromEntries(document.checks.map((each) => [each.check, each])),
    stderr,
  };
}

const jobsLeft = async () => (await world.client.search({ tag: "smoke" })).jobs;

test("a whole installation: every check is passed, and nothing is left behind", async () => {
  const { code, document, checks, stderr } = await smoke(["--dashboard", url, "--release", "aaaaaaaaaaaa"]);
  expect(document.checks.filter(({ result }) => result !== "ok")).toEqual([]);
  expect(code).toBe(0);
  expect(stderr).toBe("");
  expect(document).toMatchObject({
    ok: true,
    version: expect.stringMatching(/^\d+\.\d+\.\d+\+aaaaaaaaaaaa$/),
  });
  for (const queue of ["ml", "data", "default"])
    expect(checks[`ping ${queue}`]?.message).toMatch(new RegExp(`^answered by ${queue} after \\d`));
  expect(checks["tasks"]?.message).toBe("11 tasks with 3 workers of release aaaaaaaaaaaa");
  expect(checks["scheduler"]?.message).toMatch(/^\S+:\d+ acts; its last beat is \S+ old$/);
  expect(checks["redis"]?.message).toContain("append-only file");
  expect(checks["ray"]?.message).toBe("1 node and 2 CPUs");
  expect(Object.keys(checks)).toContain("dashboard wrong password");
  expect(await jobsLeft()).toEqual([]);
  expect(await world.broker.redis.keys(`${world.prefix}:session:*`)).toEqual([]);
});

test("for a person: a line each, and a word at the end", async () => {
  const { code, stdout } = await runLovage(["smoke"], environment);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ping data +ok +\S+ +answered by data/m);
  expect(stdout).toMatch(/^dashboard +left out +\S+ +no dashboard was named/m);
  expect(stdout).toMatch(/no check of 8 failed, after/);
});

test("another release is expected: each worker that is of this one is named", async () => {
  const { code, checks } = await smoke(["--release", "bbbbbbbbbbbb", "--timeout", "1s"]);
  expect(code).toBe(1);
  for (const queue of ["ml", "data", "default"])
    expect(checks["tasks"]?.message).toMatch(
      new RegExp(`${queue} is of \\d+\\.\\d+\\.\\d+\\+aaaaaaaaaaaa, not of bbbbbbbbbbbb`),
    );
  // Who did not ask for a release is only told.
  const asked = await smoke(["--timeout", "5s"], { LOVAGE_RELEASE: "bbbbbbbbbbbb" });
  expect(asked.checks["tasks"]).toMatchObject({ result: "warning" });
  expect(asked.code).toBe(0);
});

test("a paused queue is a failure that says how to resume it, or passes where that is allowed", async () => {
  const client = createClient({ redis: world.redis });
  await client.control.pauseQueue("data");
  try {
    const { code, checks } = await smoke([]);
    expect(code).toBe(1);
    expect(checks["ping data"]).toMatchObject({
      result: "failed",
      message: "the queue data is paused",
      hint: expect.stringContaining("lovage control resume data"),
    });
    expect(checks["ping ml"]?.result).toBe("ok");
    const allowed = await smoke(["--allow-paused"]);
    expect(allowed.code).toBe(0);
    expect(allowed.checks["ping data"]?.result).toBe("left-out");
    await client.control.resumeQueue("data");
    await client.control.pauseWorkers({ workers: ["data"] });
    const worker = await smoke(["--timeout", "3s"]);
    expect(worker.checks["ping data"]).toMatchObject({
      result: "failed",
      hint: "lovage control resume data --worker data",
    });
    expect(await jobsLeft()).toEqual([]);
  } finally {
    await client.control.resumeQueue("data");
    await client.control.resumeWorkers({});
    await client.close();
  }
});

test("a password in the environment that is not the dashboard's is a failure, and locks nobody out", async () => {
  for (let time = 0; time < 3; time += 1) {
    const { code, checks } = await smoke(["--dashboard", url], { DASHBOARD_PASSWORD: "another" });
    expect(code).toBe(1);
    expect(checks["dashboard"]?.result).toBe("ok");
    expect(checks["dashboard login"]).toMatchObject({
      result: "failed",
      message: "the dashboard refuses admin with the password in the environment",
    });
    expect(checks["dashboard wrong password"]?.result).toBe("ok");
  }
  // The right one is still let in, and takes the count back.
  expect((await smoke(["--dashboard", url])).code).toBe(0);
  const limits = await world.broker.redis.keys(`${world.prefix}:logins:user:*`);
  // What is left are the names that nobody has.
  expect(limits).toHaveLength(3);
  const { lines } = await createAuditLog(world.broker).list({ action: "login.throttled", limit: 5 });
  expect(lines).toEqual([]);
});

test("without a password the login is left out, and what needs none is looked at", async () => {
  const { DASHBOARD_PASSWORD: _, ...without } = environment;
  const { code, stdout } = await runLovage(["smoke", "--json", "--dashboard", url], without);
  const { checks } = JSON.parse(stdout) as SmokeDocument;
  const results = Object.fromEntries(checks.map(({ check, result }) => [check, result]));
  expect(results).toMatchObject({
    dashboard: "ok",
    "dashboard login": "left-out",
    "dashboard wrong password": "ok",
  });
  expect(code).toBe(0);
});

test("a certificate is trusted by its authority, or on this machine by wish; another program is none", async () => {
  const { key, cert, ca: authority } = makeCertificate();
  const folder = mkdtempSync(join(tmpdir(), "lovage-smoke-"));
  const ca = join(folder, "ca.crt");
  writeFileSync(ca, authority);
  const server = createServer({ key, cert }, (_request, response) => response.end("something else"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  const other = `https://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  try {
    const untrusted = await smoke(["--dashboard", other]);
    expect(untrusted.checks["dashboard"]).toMatchObject({
      message: expect.stringContaining("API_UNAVAILABLE"),
      hint: expect.stringContaining("--ca FILE"),
    });
    const seen = "without a login / answers 200 instead of leading to the login";
    for (const args of [["--ca", ca], ["--insecure"]]) {
      const trusted = await smoke(["--dashboard", other, ...args]);
      expect(trusted.checks["dashboard"]).toMatchObject({ result: "failed", message: seen });
      expect(trusted.code).toBe(1);
    }
    const byDefault = await smoke(["--dashboard", other], { REDIS_CA_FILE: ca });
    expect(byDefault.checks["dashboard"]?.message).toBe(seen);
  } finally {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  }
});

test.each<[string, string[], Record<string, string>, string]>([
  [
    "--insecure elsewhere",
    ["--dashboard", "https://10.0.0.84:5555", "--insecure"],
    {},
    "--insecure trusts whoever",
  ],
  ["an address that is none", ["--dashboard", "127.0.0.1:5555"], {}, "is no URL of a dashboard"],
  ["an authority for nothing", ["--insecure"], {}, "name the dashboard as well"],
  ["an authority that is not there", ["--ca", "/nowhere"], {}, "cannot be read"],
  [
    "over HTTP",
    [],
    { LOVAGE_URL: "http://127.0.0.1:1", LOVAGE_API_KEY: "key" },
    "lovage smoke needs Redis itself, and LOVAGE_URL names an HTTP API",
  ],
])("%s is wrong usage", async (_what, args, more, said) => {
  const ended = await runLovage(["smoke", ...args], { ...environment, ...more });
  expect(ended.stderr).toContain(said);
  expect(ended.code).toBe(2);
});

test("a scheduler that fell silent is no scheduler; when the next one acts all is well", async () => {
  await running[3]?.kill();
  await eventually("its beat is old", async () => {
    const acting = await readActingScheduler(world.broker);
    return acting !== undefined && acting.age > 0.6 * acting.lease;
  });
  const dead = await smoke(["--timeout", "1s"]);
  expect(dead.checks["scheduler"]?.result).toBe("failed");
  expect(dead.code).toBe(1);
  running.push(await startLovage(["scheduler"], environment));
  const next = await smoke([]);
  expect(next.checks["scheduler"]?.result).toBe("ok");
  expect(next.code).toBe(0);
});

test("without Redis one line says so, and what does not need it is looked at all the same", async () => {
  const port = await freePort();
  const { code, checks } = await smoke(["--dashboard", url, "--timeout", "1s"], {
    REDIS_URL: `redis://127.0.0.1:${port}`,
  });
  expect(code).toBe(1);
  expect(checks["redis"]?.message).toContain("REDIS_UNAVAILABLE");
  for (const check of ["ping ml", "tasks", "scheduler"]) expect(checks[check]?.result).toBe("left-out");
  expect(checks["dashboard login"]?.result).toBe("ok");
  expect(checks["ray"]?.result).toBe("ok");
});

test("a cluster that is not whole is a warning, and a failure where Ray is required", async () => {
  const small = await smoke([], { RAY_EXPECTED_CPUS: "25" });
  expect(small.checks["ray"]).toMatchObject({
    result: "warning",
    message: "1 node and 2 CPUs; expected are 1 and 25",
  });
  expect(small.code).toBe(0);
  const away = await smoke(["--require-ray"], { RAY_ADDRESS: `http://127.0.0.1:${await freePort()}` });
  expect(away.checks["ray"]).toMatchObject({
    result: "failed",
    message: expect.stringContaining("RAY_UNAVAILABLE"),
  });
  expect(away.code).toBe(1);
});

test("what takes longer is told while it lasts, except to programs", async () => {
  const empty = await createWorld();
  try {
    const args = ["smoke", "--timeout", "3s"];
    const person = await runLovage(args, { ...environment, ...empty.variables });
    expect(person.stderr).toMatch(/after \d\.\ds still under way: .*ping ml/);
    const program = await runLovage([...args, "--json"], { ...environment, ...empty.variables });
    expect(program.stderr).toBe("");
    await eventually(
      "nothing is left",
      async () => (await empty.client.search({ tag: "smoke" })).jobs.length === 0,
    );
  } finally {
    await empty.close();
  }
});
