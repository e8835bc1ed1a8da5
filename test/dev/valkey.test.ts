import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, expect, test } from "vitest";
import { portFree } from "../../src/dev/ports.ts";
import { findRedisServer, type LocalRedis, startValkey, type ValkeyOptions } from "../../src/dev/valkey.ts";
import { freePort } from "../support/free-port.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "lovage-valkey-"));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function valkey(options: Partial<ValkeyOptions> = {}): Promise<LocalRedis> {
  const redis = await startValkey({ port: await freePort(), dir: folder(), ...options });
  cleanups.push(() => redis.kill());
  return redis;
}

function client(redis: LocalRedis): Redis {
  const connection = new Redis(redis.url, { retryStrategy: () => null });
  connection.on("error", () => undefined);
  cleanups.push(() => connection.disconnect());
  return connection;
}

test("answers with the policy BullMQ needs, behind a password with awkward characters", async () => {
  const redis = await valkey({ password: 'a b"c\\d#é/@' });
  expect(await client(redis).config("GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "noeviction"]);
  const anonymous = new Redis(redis.port, { retryStrategy: () => null });
  anonymous.on("error", () => undefined);
  cleanups.push(() => anonymous.disconnect());
  await expect(anonymous.get("key")).rejects.toThrow("NOAUTH");
});

test("keeps the password off the command line and in a file for the owner only", async () => {
  const dir = folder();
  writeFileSync(join(dir, "valkey.conf"), "", { mode: 0o644 });
  const redis = await valkey({ dir, password: "sesame-123" });
  expect(execFileSync("ps", ["-o", "args=", "-p", String(redis.pid)], { encoding: "utf8" })).not.toContain(
    "sesame-123",
  );
  expect(readFileSync(join(dir, "valkey.conf"), "utf8")).toContain("sesame-123");
  expect(statSync(join(dir, "valkey.conf")).mode & 0o777).toBe(0o600);
});

test("has the same data after a restart", async () => {
  const redis = await valkey();
  const { pid } = redis;
  await client(redis).set("key", "kept");
  await redis.restart();
  expect(redis.pid).not.toBe(pid);
  expect(await client(redis).get("key")).toBe("kept");
});

test("comes back with synced data after a crash", async () => {
  const redis = await valkey();
  const before = client(redis);
  await before.set("key", "kept");
  await before.call("WAITAOF", "1", "0", "2000");
  await redis.kill();
  await redis.restart();
  expect(await client(redis).get("key")).toBe("kept");
});

test("tells of an end it was not asked for, and only of that", async () => {
  const ends: string[] = [];
  const told = await valkey({ onExit: (how) => ends.push(how) });
  await told.stop();
  await told.stop();
  const crashed = await valkey({ onExit: (how) => ends.push(how) });
  process.kill(crashed.pid, "SIGKILL");
  await expect.poll(() => ends).toEqual(["signal SIGKILL"]);
});

test("refuses a taken port, naming it and the setting", async () => {
  const port = await freePort();
  const other: Server = createServer();
  await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
  cleanups.push(() => new Promise((resolve) => other.close(resolve)));
  await expect(valkey({ port, portSetting: "--redis-port" })).rejects.toMatchObject({
    code: "PORT_TAKEN",
    message: `port ${port} (Redis) is in use; choose another with --redis-port`,
  });
});

test("says why a server did not start", async () => {
  const dir = folder();
  const server = join(dir, "broken");
  writeFileSync(server, "#!/bin/sh\necho 'no can do'\nexit 3\n");
  chmodSync(server, 0o755);
  await expect(valkey({ dir, server })).rejects.toMatchObject({
    code: "STACK_FAILED",
    message: expect.stringMatching(/it ended \(exit code 3\)\nno can do$/),
  });
});

test("finds a server on the PATH when the project has none", () => {
  const root = folder();
  expect(findRedisServer("", root)).toBeUndefined();
  mkdirSync(join(root, "bin"));
  writeFileSync(join(root, "bin", "redis-server"), "");
  expect(findRedisServer(`/nowhere:${root}/bin`, root)).toBeUndefined();
  chmodSync(join(root, "bin", "redis-server"), 0o755);
  expect(findRedisServer(`/nowhere:${root}/bin`, root)).toBe(join(root, "bin", "redis-server"));
});

test("ends when the process that started it is killed", async () => {
  const port = await freePort();
  const dir = folder();
  const starter = `
    import { startValkey } from ${JSON.stringify(join(import.meta.dirname, "../../src/dev/valkey.ts"))};
    const redis = await startValkey(${JSON.stringify({ port, dir })});
    if (redis.pid > 1) process.kill(process.pid, "SIGKILL");
  `;
  expect(() => execFileSync(process.execPath, ["--input-type=module", "-e", starter])).toThrow("SIGKILL");
  await expect.poll(() => portFree(port), { timeout: 5_000 }).toBe(true);
});
