import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "dotenv";
import { Redis } from "ioredis";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { portFree } from "../../src/dev/ports.ts";
import { prefixedOutput } from "../../src/dev/prefixed-output.ts";
import { neededRayPorts, rayPorts } from "../../src/dev/ray-ports.ts";
import { createDevStack, type DevStack, type DevStackOptions } from "../../src/dev/stack.ts";
import { freePort, freePortRange } from "../support/free-port.ts";

const fakeWorker = join(import.meta.dirname, "fake-worker.ts");
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Trial {
  stack: DevStack;
  lines: string[];
  root: string;
  redisPort: number;
  options: DevStackOptions;
}

/** Without a Ray of its own, unless `rayAddress: undefined` asks for one. */
async function trial(options: Partial<DevStackOptions> = {}, behaviour = ""): Promise<Trial> {
  const root = options.root ?? mkdtempSync(join(tmpdir(), "ls-"));
  cleanups.push(() => rmSync(root, { recursive: true, force: true }));
  const lines: string[] = [];
  const redisPort = options.redisPort ?? (await freePort());
  const all: DevStackOptions = {
    root,
    redisPort,
    rayAddress: "http://127.0.0.1:1",
    datasetsDir: join(root, "datasets"),
    modelsDir: join(root, "models"),
    processes: [
      { name: "ml", args: ["worker", "--name", "ml"] },
      { name: "rest", args: ["worker", "--name", "rest", "--queues", "data,default"] },
    ],
    command: [process.execPath, fakeWorker],
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], FAKE_WORKER: behaviour },
    onLine: (speaker, line) => lines.push(`${speaker}: ${line}`),
    ...options,
  };
  const stack = createDevStack(all);
  cleanups.push(() => stack.kill());
  return { stack, lines, root, redisPort, options: all };
}

function processesNaming(text: string): string[] {
  const all = execFileSync("ps", ["-eo", "pid=,args="], { encoding: "utf8" }).split("\n");
  return all.filter((line) => line.includes(text));
}

test("runs Redis, Ray and the workers, tells other commands the way, and leaves nothing behind", async () => {
  const base = await freePortRange(30);
  const ports = rayPorts(1, base, base + 2);
  const { stack, lines, root, redisPort } = await trial({
    rayAddress: undefined,
    rayPort: base + 2,
    rayBasePort: base,
    rayCpus: 1,
  });
  await stack.start();
  const envFile = join(root, ".lovage", "dev.env");
  expect(statSync(envFile).mode & 0o777).toBe(0o600);
  expect(statSync(join(root, ".lovage")).mode & 0o777).toBe(0o700);
  const variables = parse(readFileSync(envFile));
  expect(variables).toEqual(stack.variables);
  expect(variables).toMatchObject({
    RAY_ADDRESS: `http://127.0.0.1:${base + 2}`,
    RAY_EXPECTED_NODES: "1",
    RAY_EXPECTED_CPUS: "1",
    DATASETS_DIR: join(root, "datasets"),
  });
  expect(await statusOf(`${variables["RAY_ADDRESS"]}/api/version`, variables["RAY_AUTH_TOKEN"])).toBe(200);
  expect(await statusOf(`${variables["RAY_ADDRESS"]}/api/version`, undefined)).toBe(401);
  const redis = new Redis(variables["REDIS_URL"] ?? "");
  expect(await redis.ping()).toBe("PONG");
  redis.disconnect();
  expect(existsSync(join(root, "models"))).toBe(true);
  expect(lines).toContain("rest: args worker --name rest --queues data,default");
  expect(lines).toContain(`ml: redis ${variables["REDIS_URL"]}`);

  lines.length = 0;
  await stack.stop();
  const order = ["lovage: stopping ml, rest", "ml: bye", "lovage: stopping Ray", "lovage: stopping Redis"];
  expect(lines.filter((line) => order.includes(line))).toEqual(order);
  const needed = neededRayPorts(ports, { dashboard: "", others: "" }).map(({ port }) => port);
  // A process of Ray that is just ending may hold its port for a moment.
  const free = () => Promise.all([redisPort, ...needed].map(portFree));
  await expect.poll(free, { timeout: 10_000 }).not.toContain(false);
  expect(existsSync(envFile)).toBe(false);
  await expect.poll(() => processesNaming(root), { timeout: 10_000 }).toEqual([]);
}, 120_000);

test("keeps its password from start to start, in a file for the owner only", async () => {
  const first = await trial();
  await first.stack.start();
  const url = first.stack.variables["REDIS_URL"];
  expect(url).toMatch(/^redis:\/\/:[\w-]{32}@127\.0\.0\.1:\d+$/);
  expect(statSync(join(first.root, ".lovage", "redis-password")).mode & 0o777).toBe(0o600);
  await first.stack.stop();
  const second = await trial({ root: first.root, redisPort: first.redisPort });
  await second.stack.start();
  expect(second.stack.variables["REDIS_URL"]).toBe(url);
});

test("names every taken port before it starts anything", async () => {
  const base = await freePortRange(30);
  const redisPort = await freePort();
  for (const port of [redisPort, base + 2]) {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  }
  const { stack, root } = await trial({
    redisPort,
    rayAddress: undefined,
    rayPort: base + 2,
    rayBasePort: base,
  });
  await expect(stack.start()).rejects.toMatchObject({
    code: "PORT_TAKEN",
    message: [
      `port ${redisPort} (Redis) is in use; choose another with --redis-port or REDIS_PORT`,
      `port ${base + 2} (Ray's Jobs API and dashboard) is in use; choose another with --ray-port`,
    ].join("\n"),
  });
  expect(existsSync(join(root, ".lovage", "redis"))).toBe(false);
  expect(existsSync(join(root, ".lovage", "dev.pid"))).toBe(false);
});

test("ends workers that end when they are asked to, without waiting for the deadline", async () => {
  const { stack, lines } = await trial({ deadlineMs: 600_000 });
  await stack.start();
  await stack.stop();
  expect(lines).toEqual(expect.arrayContaining(["ml: bye", "rest: bye"]));
});

test("starts a worker that died again", async () => {
  const { stack, lines } = await trial();
  await stack.start();
  const [worker] = processesNaming(`${fakeWorker} worker --name ml`);
  process.kill(Number.parseInt(worker ?? "", 10), "SIGKILL");
  await expect.poll(() => lines, { timeout: 10_000 }).toContain("lovage: ml ready again");
  expect(lines).toContain("lovage: ml ended (signal SIGKILL); starting it again in 1 s");
});

test("gives up, and leaves nothing behind, when a worker cannot start", async () => {
  const { stack, root, redisPort } = await trial({}, "broken");
  await expect(stack.start()).rejects.toMatchObject({
    code: "STACK_FAILED",
    message: expect.stringMatching(/^(ml|rest) ended before it was ready \(exit code 3\)$/),
  });
  expect(await portFree(redisPort)).toBe(true);
  expect(existsSync(join(root, ".lovage", "dev.env"))).toBe(false);
});

test("says when it cannot go on because Redis died", async () => {
  const { stack, root, lines } = await trial();
  await stack.start();
  const admin = new Redis(stack.variables["REDIS_URL"] ?? "", { retryStrategy: () => null });
  admin.on("error", () => undefined);
  admin.call("SHUTDOWN", "NOSAVE").catch(() => undefined);
  expect(await stack.failed).toMatchObject({
    code: "STACK_FAILED",
    message: expect.stringMatching(/^Redis died: /),
    hint: `its log is in ${join(root, ".lovage")}`,
  });
  await stack.stop();
  expect(lines.at(-1)).toBe("lovage: stopping Redis");
});

test("refuses a folder in which another stack runs", async () => {
  const first = await trial();
  await first.stack.start();
  const second = await trial({ root: first.root });
  await expect(second.stack.start()).rejects.toMatchObject({
    code: "STACK_FAILED",
    message: `a stack already runs in ${join(first.root, ".lovage")} (process ${process.pid})`,
  });
  expect(existsSync(join(first.root, ".lovage", "dev.env"))).toBe(true);
});

test("can be stopped while it starts", async () => {
  const { stack, lines, redisPort } = await trial({}, "never ready");
  const start = stack.start();
  start.catch(() => undefined);
  await expect.poll(() => lines.filter((line) => line.includes("args")), { timeout: 10_000 }).toHaveLength(2);
  await stack.stop();
  await expect(start).rejects.toThrow("the stack was stopped while it started");
  expect(await portFree(redisPort)).toBe(true);
});

test("ends stubborn workers after their deadline, and at once when killed", async () => {
  const patient = await trial({ deadlineMs: 200 }, "stubborn");
  await patient.stack.start();
  await patient.stack.stop();
  expect(await portFree(patient.redisPort)).toBe(true);

  const killed = await trial({ deadlineMs: 600_000 }, "stubborn");
  await killed.stack.start();
  const stop = killed.stack.stop();
  await killed.stack.kill();
  await stop;
  expect(await portFree(killed.redisPort)).toBe(true);
});

test("comes up where an earlier one was killed", async () => {
  const root = mkdtempSync(join(tmpdir(), "ls-"));
  const redisPort = await freePort();
  const { options } = await trial({ root, redisPort });
  const script = `
    import { createDevStack } from ${JSON.stringify(join(import.meta.dirname, "../../src/dev/stack.ts"))};
    const stack = createDevStack({ ...${JSON.stringify(options)}, onLine: () => {} });
    await stack.start();
    console.log("up");
  `;
  const runner = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void runner.kill("SIGKILL"));
  await new Promise<void>((resolve) => runner.stdout.once("data", () => resolve()));
  runner.kill("SIGKILL");
  await new Promise<void>((resolve) => runner.once("exit", () => resolve()));
  expect(existsSync(join(root, ".lovage", "dev.env"))).toBe(true);

  // In place of what the killed one left behind, which ends at a moment of its own.
  await expect.poll(() => portFree(redisPort), { timeout: 10_000 }).toBe(true);
  const leftBehind = createServer();
  await new Promise<void>((resolve) => leftBehind.listen(redisPort, "127.0.0.1", resolve));
  const lines: string[] = [];
  const onLine = (speaker: string, line: string) => {
    lines.push(`${speaker}: ${line}`);
    // After its first look at the ports, which follows this line at once.
    setTimeout(() => leftBehind.close(), 500);
  };
  const next = await trial({ root, redisPort, onLine });
  await next.stack.start();
  expect(lines[0]).toBe("lovage: an earlier stack was killed; waiting until what it left behind has ended");
}, 60_000);

test("a process id that passed to a stranger does not hold the folder", async () => {
  const { stack, root } = await trial();
  execFileSync("mkdir", [join(root, ".lovage")]);
  writeFileSync(join(root, ".lovage", "dev.pid"), `${process.pid}\nThu Jan  1 00:00:00 1970\n`);
  await stack.start();
});

test("prefixes are padded, and coloured where colours are shown", () => {
  const written: string[] = [];
  const stream = { write: (text: string) => written.push(text) };
  prefixedOutput(stream, ["ml", "default"], false)("ml", "hello");
  prefixedOutput(stream, ["ml", "default"], true)("default", "hello");
  expect(written).toEqual(["ml      | hello\n", "\u001b[33mdefault |\u001b[39m hello\n"]);
});

function statusOf(url: string, token: string | undefined): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    get(url, { headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).once("error", reject);
  });
}
