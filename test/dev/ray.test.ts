import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { portFree } from "../../src/dev/ports.ts";
import { type LocalRay, startRay } from "../../src/dev/ray.ts";
import { rayEnvironment } from "../../src/dev/ray-command.ts";
import { neededRayPorts, type RayPorts, rayPorts } from "../../src/dev/ray-ports.ts";
import { rayTempDir, removeOldSessions } from "../../src/dev/ray-temp-dir.ts";
import { freePortRange } from "../support/free-port.ts";

const root = mkdtempSync(join(tmpdir(), "lr-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("a small cluster of its own", () => {
  const events: string[] = [];
  const exits: string[] = [];
  let ports: RayPorts;
  let ray: LocalRay;

  beforeAll(async () => {
    ports = rayPorts(1, await freePortRange(30), null);
    ray = await startRay({
      ports,
      tempDir: join(root, "ray"),
      cpus: 1,
      token: "a-token-of-the-test",
      env: { ...process.env, REDIS_PASSWORD: "not for programs" },
      onEvent: (text) => events.push(text),
      onExit: (how) => exits.push(how),
    });
  }, 90_000);
  afterAll(() => ray?.stop(), 30_000);

  test("answers to its token, and tells what it did", async () => {
    const version = await version200(ray.address, "a-token-of-the-test");
    expect(version["ray_version"]).toMatch(/^\d+\.\d+/);
    await expect(version200(ray.address, "another")).rejects.toThrow("status 403");
    expect(events[0]).toBe("starting the head with 1 CPUs");
    expect(events.at(-1)).toMatch(/^ready \(\d+\.\d s\)$/);
  });

  test("refuses ports that are taken, all in one error", async () => {
    const second = startRay({
      ports,
      tempDir: join(root, "second"),
      env: process.env,
      portSettings: { dashboard: "--ray-port", others: "--ray-base-port" },
    });
    await expect(second).rejects.toMatchObject({
      code: "PORT_TAKEN",
      message: expect.stringContaining(
        `port ${ports.dashboard} (Ray's Jobs API and dashboard) is in use; choose another with --ray-port\n`,
      ),
    });
    await expect(second).rejects.toThrow(`port ${ports.gcs} (Ray's control service)`);
  });

  test("is another cluster after its head died", async () => {
    const before = await version200(ray.address, "a-token-of-the-test");
    await ray.killHead();
    await expect(version200(ray.address, "a-token-of-the-test")).rejects.toThrow("ECONNREFUSED");
    await ray.startHead();
    const after = await version200(ray.address, "a-token-of-the-test");
    expect(after["session_name"]).not.toBe(before["session_name"]);
    expect(exits).toEqual([]);
  }, 90_000);

  test("tells of a death it was not asked for, and leaves no port and no process when stopped", async () => {
    const [pid] = ray.pids;
    process.kill(pid ?? 0, "SIGKILL");
    await expect.poll(() => exits).toEqual(["node 1 ended (signal SIGKILL)"]);
    await ray.stop();
    const needed = neededRayPorts(ports, { dashboard: "", others: "" });
    expect(await Promise.all(needed.map(({ port }) => portFree(port)))).not.toContain(false);
    const alive = () => execFileSync("ps", ["-eo", "args="], { encoding: "utf8" }).includes(root);
    await expect.poll(alive, { timeout: 10_000 }).toBe(false);
  }, 60_000);
});

test("an error at the start has what Ray printed", async () => {
  const ports = rayPorts(1, await freePortRange(30), null);
  const start = startRay({ ports, tempDir: join(root, "bad"), env: process.env, objectStoreBytes: 1 });
  await expect(start).rejects.toMatchObject({ code: "STACK_FAILED" });
  await expect(start).rejects.toThrow("ValueError: Attempting to cap object store memory");
}, 60_000);

test("a node that ends while it starts is started again", async () => {
  // Once, the second node ends as one does that the control service was too slow for.
  mkdirSync(join(root, "venv", "bin"), { recursive: true });
  const python = join(root, "venv", "bin", "python");
  const real = resolve(import.meta.dirname, "../../.venv/bin/python");
  const script = `case "$*" in *--address*) [ -e "${root}/once" ] || { touch "${root}/once"; echo "The current node timed out during startup."; exit 1; };; esac`;
  writeFileSync(python, `#!/bin/sh\n${script}\nexec "${real}" "$@"\n`, { mode: 0o755 });
  const events: string[] = [];
  const ray = await startRay({
    ports: rayPorts(2, await freePortRange(40), null),
    tempDir: join(root, "again"),
    python,
    cpus: 1,
    env: process.env,
    onEvent: (text) => events.push(text),
  });
  try {
    expect(events).toContain("node 2 was too slow to start for Ray, and ended; once more");
    expect(events.at(-1)).toMatch(/: 2 nodes, 2 CPUs$/);
    expect(ray.pids).toHaveLength(2);
  } finally {
    await ray.stop();
  }
}, 240_000);

test("programs on the cluster get no secret of the stack, and the Python that has Ray", () => {
  const env = rayEnvironment(
    {
      PATH: "/usr/bin",
      HOME: "/home/me",
      REDIS_URL: "redis://:secret@x",
      LOVAGE_API_KEY: "k",
      RAY_ADDRESS: "other",
    },
    "/project/.venv/bin/python",
    undefined,
  );
  expect(env).toMatchObject({
    PATH: "/project/.venv/bin:/usr/bin",
    HOME: "/home/me",
    RAY_AUTH_MODE: "disabled",
  });
  expect(Object.keys(env)).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/^(REDIS_|LOVAGE_|RAY_ADDRESS|RAY_AUTH_TOKEN)/)]),
  );
});

test("no port occurs twice in a cluster of nine nodes", () => {
  const ports = neededRayPorts(rayPorts(9), { dashboard: "", others: "" }).map(({ port }) => port);
  expect(ports).toHaveLength(3 + 9 * 6);
  expect(new Set(ports).size).toBe(ports.length);
});

test("a path too long for a socket is replaced by a short one, the same each time", async () => {
  const long = join(root, "a".repeat(80));
  const short = await rayTempDir(long);
  try {
    expect(short.length).toBeLessThanOrEqual(36);
    expect(await rayTempDir(long)).toBe(short);
    expect(await rayTempDir(`${long}b`)).not.toBe(short);
    expect(existsSync(long)).toBe(false);
  } finally {
    rmSync(short, { recursive: true });
    rmSync(await rayTempDir(`${long}b`), { recursive: true });
  }
});

test("only the newest two of a node's log folders are kept", async () => {
  const dir = join(root, "sessions");
  for (const day of ["03", "01", "02"]) mkdirSync(join(dir, `session_2026-01-${day}`), { recursive: true });
  mkdirSync(join(dir, "session_latest"));
  await removeOldSessions(dir);
  expect(readdirSync(dir).sort()).toEqual(["session_2026-01-02", "session_2026-01-03", "session_latest"]);
});

function version200(address: string, token: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    get(`${address}/api/version`, { headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`status ${response.statusCode}`));
      });
    }).once("error", reject);
  });
}
