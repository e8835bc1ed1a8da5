/**
 * What one job costs each part of Lovage, for docs/scaling.md.
 *
 *   node bench/scaling.ts [--quick] [--write]
 *
 * Prints tables to standard error and one JSON document to standard output; --write puts both into docs/.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createClient } from "#client";
import { type Broker, openBroker } from "../src/queue/broker.ts";
import { testCatalogue } from "../test/support/catalogue.ts";
import { startLovage } from "../test/support/lovage-process.ts";
import { startOwnRedis } from "../test/support/own-redis.ts";
import { costTable, type Figures, limitTable, rateTable } from "./scaling/figures.ts";
import { schedules } from "./scaling/schedules.ts";

const { values } = parseArgs({ options: { quick: { type: "boolean" }, write: { type: "boolean" } } });
const jobs = values.quick === true ? 3000 : 30_000;
const seconds = values.quick === true ? 8 : 30;
const begun = performance.now();
const say = (text: string) =>
  console.error(`${((performance.now() - begun) / 1000).toFixed(0).padStart(4)} s  ${text}`);

/** Of Redis, in the units of its INFO; CPU in microseconds. */
async function look({ redis, keys }: Broker) {
  const info = await redis.info("everything");
  const figure = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(info)?.[1] ?? 0);
  const events = (await redis.xinfo("STREAM", keys.at("").events("default")).catch(() => [])) as unknown[];
  return {
    cpu: (figure("used_cpu_user") + figure("used_cpu_sys")) * 1e6,
    memory: figure("used_memory"),
    commands: figure("total_commands_processed"),
    moved: figure("total_net_input_bytes") + figure("total_net_output_bytes"),
    events: Number(events[events.indexOf("entries-added") + 1] ?? 0),
  };
}

/** CPU time of another process so far, in microseconds; the kernel counts hundredths of a second. */
function cpuOf(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function ownCpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

const redis = await startOwnRedis();
const folder = mkdtempSync(join(tmpdir(), "lovage-scaling-"));
const prefix = "scaling";
const broker = await openBroker({ redis: { url: redis.url, prefix } });
const client = createClient({ redis: { url: redis.url, prefix }, catalogue: testCatalogue });
const environment = {
  REDIS_URL: redis.url,
  REDIS_PREFIX: prefix,
  RAY_ADDRESS: "http://127.0.0.1:9",
  DATASETS_DIR: folder,
  MODELS_DIR: folder,
  WORKER_QUEUES: "default",
  DEFAULT_CONCURRENCY: "50",
  RESULT_COUNT: "1000000",
  LOG_LEVEL: "warn",
};

async function enqueue(count: number): Promise<void> {
  let left = count;
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      await client.enqueue("test.echo", { text: "x".repeat(100) });
    }
  };
  await Promise.all(Array.from({ length: 50 }, lane));
}

async function untilDrained(): Promise<void> {
  for (let told = 0; ; told += 1) {
    const queue = broker.queue("default");
    const counts = await queue.getJobCounts("wait", "active", "prioritized", "delayed");
    const left = Object.values(counts).reduce((sum, one) => sum + one, 0);
    if (left === 0) return;
    if (told % 10 === 9) say(`${left} jobs are left`);
    await sleep(200);
  }
}

// The first calls pay for connections and for code that is not compiled yet.
await enqueue(500);
const idle = await look(broker);
const beforeCalls = ownCpu();
say(`enqueuing ${jobs} jobs`);
await enqueue(jobs);
const clientCpu = ownCpu() - beforeCalls;
const waiting = await look(broker);

say("running them in one worker");
const events = client.events();
let followed = 0;
void (async () => {
  for await (const _event of events) followed += 1;
})();
const beforeFollowing = ownCpu();
const worker = await startLovage([], environment, { script: "worker-process.ts" });
const workerBefore = cpuOf(worker.process.pid);
const runsFrom = await look(broker);
const leftAtReady = (await broker.queue("default").getWaitingCount()) || jobs;
await untilDrained();
const ended = await look(broker);
const workerCpu = cpuOf(worker.process.pid) - workerBefore;
const followingCpu = ownCpu() - beforeFollowing;
await events.return?.();
await worker.stop();

say(`firing ${schedules} schedules a second for ${seconds} s`);
const scheduler = await startLovage(
  [],
  { ...environment, LOVAGE_TEST_CATALOGUE: new URL("scaling/schedules.ts", import.meta.url).href },
  { script: "scheduler-process.ts" },
);
await sleep(3000);
const firesFrom = await look(broker);
const schedulerFrom = cpuOf(scheduler.process.pid);
const waitingFrom = await broker.queue("default").getWaitingCount();
await sleep(seconds * 1000);
const schedulerCpu = cpuOf(scheduler.process.pid) - schedulerFrom;
const fired = (await broker.queue("default").getWaitingCount()) - waitingFrom;
const firesTo = await look(broker);
await scheduler.stop();

const version = (await broker.redis.info("server")).match(/(?:valkey|redis)_version:(\S+)/g)?.at(-1) ?? "";
await client.close();
await broker.close();
await redis.remove();
rmSync(folder, { recursive: true, force: true });

const round = (value: number) => Number(value.toPrecision(3));
const jobsAll = jobs + 500;
const figures: Figures = {
  machine: {
    cpus: cpus().length,
    model: cpus()[0]?.model.trim() ?? "",
    node: process.version,
    redis: version.replace("_version:", " "),
  },
  jobs,
  firings: fired,
  client: { microsecondsPerCall: round(clientCpu / jobs) },
  redis: {
    microsecondsPerCall: round((waiting.cpu - idle.cpu) / jobs),
    microsecondsPerRun: round((ended.cpu - runsFrom.cpu) / leftAtReady),
    commandsPerJob: round((ended.commands - idle.commands) / jobsAll),
    bytesMovedPerJob: round((ended.moved - idle.moved) / jobsAll),
    bytesPerWaitingJob: round((waiting.memory - idle.memory) / jobs),
    bytesPerEndedJob: round((ended.memory - idle.memory) / jobsAll),
  },
  worker: { microsecondsPerJob: round(workerCpu / leftAtReady) },
  events: {
    perJob: round((ended.events - idle.events) / jobsAll),
    microsecondsPerEvent: round(followingCpu / Math.max(1, followed)),
  },
  scheduler: {
    microsecondsPerFiring: round(schedulerCpu / Math.max(1, fired)),
    redisMicrosecondsPerFiring: round((firesTo.cpu - firesFrom.cpu) / Math.max(1, fired)),
  },
};
console.error(`\n${costTable(figures)}\n\n${limitTable(figures)}\n\n${rateTable(figures)}\n`);
const document = `${JSON.stringify(figures, null, 2)}\n`;
process.stdout.write(document);
if (values.write === true) {
  const docs = (name: string) => new URL(`../docs/${name}`, import.meta.url);
  writeFileSync(docs("scaling.json"), document);
  const { fill } = await import("./scaling/page.ts");
  writeFileSync(docs("scaling.md"), fill(readFileSync(docs("scaling.md"), "utf8"), figures));
}
