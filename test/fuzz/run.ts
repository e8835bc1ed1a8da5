// A world of its own for the fuzzer: Valkey, a worker, a scheduler and a dashboard on loopback, and a key that may do
// everything. What the fuzzer tells them to stop is started again. Arguments go to schemathesis.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startValkey } from "../../src/dev/valkey.ts";
import { createApiKeys } from "../../src/queue/api-keys.ts";
import { openBroker } from "../../src/queue/broker.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "lovage-fuzz-"));
const children = new Set<ChildProcess>();
let stopping = false;

const redis = await startValkey({ port: await freePort(), dir: folder, path: process.env["PATH"] });
const port = await freePort();
const environment = {
  PATH: process.env["PATH"],
  REDIS_URL: redis.url,
  // Ray jobs wait for a cluster that never comes.
  RAY_ADDRESS: `http://127.0.0.1:${await freePort()}`,
  DATASETS_DIR: folder,
  MODELS_DIR: folder,
  DASHBOARD_PASSWORD: "not used by the fuzzer",
  LOG_LEVEL: "warn",
};

function keepRunning(...command: string[]): void {
  const child = spawn(process.execPath, [here("../../src/bin/lovage.ts"), ...command], {
    stdio: ["ignore", "inherit", "inherit"],
    env: environment,
  });
  children.add(child);
  child.once("exit", (code) => {
    children.delete(child);
    if (stopping) return;
    if (code !== 0) process.exitCode = 1;
    process.stderr.write(`lovage ${command[0]} ended with ${code}\n`);
    keepRunning(...command);
  });
}

async function run(): Promise<number> {
  keepRunning("worker", "--queues", "ml,data,default", "--name", "fuzzed");
  keepRunning("scheduler");
  keepRunning("dashboard", "--port", String(port));
  const api = `http://127.0.0.1:${port}/api/v1`;
  const broker = await openBroker({ redis: { url: redis.url } });
  const { token } = await createApiKeys(broker).create({
    name: "fuzzer",
    scopes: ["enqueue", "read", "control"],
    createdBy: "test/fuzz",
    rate: "1000000/s",
  });
  await broker.close();
  const headers = { authorization: `Bearer ${token}` };
  await eventually("the dashboard answers, and the worker has published its tasks", async () => {
    const answer = await fetch(`${api}/tasks`, { headers }).catch(() => undefined);
    return answer?.ok === true && ((await answer.json()) as { tasks: unknown[] }).tasks.length > 0;
  });
  const document = join(folder, "openapi.json");
  writeFileSync(document, await (await fetch(`${api}/openapi.json`, { headers })).text());
  const fuzzer = spawn(
    here(".venv/bin/schemathesis"),
    ["--config-file", here("schemathesis.toml"), "run", document, "--url", api, ...process.argv.slice(2)],
    { stdio: "inherit", cwd: folder, env: { ...process.env, LOVAGE_FUZZ_KEY: token } },
  );
  return new Promise((resolve) => fuzzer.once("exit", (code) => resolve(code ?? 1)));
}

async function stop(): Promise<void> {
  stopping = true;
  await Promise.all(
    [...children].map(async (child) => {
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("exit", resolve));
    }),
  );
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
}

try {
  const code = await run();
  process.exitCode = process.exitCode || code;
} finally {
  await stop();
}
