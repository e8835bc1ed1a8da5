/** Redis behind Sentinel: every process finds the master by itself, and the next one when it changes. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Client, createClient } from "#client";
import type { TaskTypes } from "../../src/task/catalogue.ts";
import { freePort } from "../support/free-port.ts";
import { ledgerName } from "../support/ledger-catalogue.ts";
import { type LovageProcess, runLovage, startLovage } from "../support/lovage-process.ts";
import { type OwnSentinel, startOwnSentinel } from "../support/own-sentinel.ts";
import { eventually } from "../support/world.ts";

let redis: OwnSentinel;
let client: Client<TaskTypes>;
let folder: string;
let variables: Record<string, string>;
const running: LovageProcess[] = [];

beforeEach(async () => {
  redis = await startOwnSentinel();
  folder = mkdtempSync(join(tmpdir(), "lovage-sentinel-"));
  variables = {
    ...redis.variables,
    // Nobody listens there: no Ray is needed.
    RAY_ADDRESS: "http://127.0.0.1:9",
    DATASETS_DIR: folder,
    MODELS_DIR: folder,
    WORKER_LOCK_DURATION: "3s",
  };
  client = createClient({ redis: redis.settings, timeout: "30s" });
});
afterEach(async () => {
  await client.close();
  await Promise.all(running.splice(0).map((process) => process.kill()));
  await redis.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function start(args: string[], environment: Record<string, string> = {}, script?: string) {
  const started = await startLovage(
    args,
    { ...variables, ...environment },
    script === undefined ? {} : { script },
  );
  running.push(started);
  return started;
}

/** A worker whose every run is in the ledger. */
const ledgerWorker = () =>
  start(
    [],
    { LOVAGE_TEST_CATALOGUE: new URL("../support/ledger-catalogue.ts", import.meta.url).href },
    "worker-process.ts",
  );

test("workers, scheduler, dashboard, command line and SDK go on with the replica that took the master's place", async () => {
  const port = await freePort();
  const dashboard = { DASHBOARD_PORT: String(port), DASHBOARD_PASSWORD: "correct horse battery staple" };
  Object.assign(variables, dashboard);
  await Promise.all([start(["worker"]), start(["scheduler"]), start(["dashboard"])]);
  const smoke = async () => {
    const { code, stdout, stderr } = await runLovage(
      ["smoke", "--dashboard", `http://127.0.0.1:${port}`, "--timeout", "20s"],
      variables,
    );
    return { code, text: stdout + stderr };
  };
  const before = await smoke();
  expect(before.code, before.text).toBe(0);

  const first = await redis.master();
  await first.kill();
  await eventually("another one is the master", async () => (await redis.master()).port !== first.port);
  const after = await smoke();
  expect(after.code, after.text).toBe(0);
  const job = await client.enqueue("tasks.simple_tasks.ping", {});
  expect(await job.result({ timeout: "20s" })).toMatchObject({ status: "pong" });

  // The one that was killed comes back as the other's replica, and nobody takes it for the master.
  await first.restart();
  await redis.replicated();
  const again = await smoke();
  expect(again.code, again.text).toBe(0);
}, 180_000);

/** Enqueues one after the other until it is told to stop; each has an id of its own. */
function load() {
  const acknowledged: string[] = [];
  const at = new Map<string, number>();
  const refused: string[] = [];
  let going = true;
  const done = (async () => {
    for (let number = 0; going; number += 1) {
      const id = `load-${number}`;
      try {
        await client.enqueue("test.entry", { milliseconds: 5 }, { id });
        acknowledged.push(id);
        at.set(id, performance.now());
      } catch (error) {
        expect(error).toMatchObject({ code: "REDIS_UNAVAILABLE" });
        refused.push(id);
      }
    }
  })();
  return {
    acknowledged,
    /** When each was acknowledged. */
    at,
    refused,
    async more(count: number) {
      const from = acknowledged.length;
      await eventually(`${count} more are acknowledged`, () => acknowledged.length >= from + count, 60_000);
    },
    async end() {
      going = false;
      await done;
    },
  };
}

/** How often each job began. */
function begins(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of readFileSync(join(folder, ledgerName), "utf8").trim().split("\n")) {
    const [what, id = ""] = line.split(" ");
    if (what === "begin") counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

const settled = () =>
  eventually(
    "all has ended",
    async () => {
      const queues = await client.inspect.queues().catch(() => []);
      return (
        queues.length > 0 &&
        queues.every(({ waiting, active, scheduled }) => waiting + active + scheduled === 0)
      );
    },
    60_000,
  );

test.each(["told", "paused"])(
  "the master is %s to be one no longer, under load: nothing is lost that a replica had",
  async (how) => {
    await Promise.all([ledgerWorker(), ledgerWorker()]);
    const jobs = load();
    await jobs.more(200);
    const first = await redis.master();
    const begun = performance.now();
    if (how === "told") await redis.failOver();
    // As a host that lost its network: its connections stay open and say nothing.
    else first.pause();
    await eventually("another one is the master", async () => (await redis.master()).port !== first.port);
    await eventually("the old one was told", async () => how === "paused" || (await redis.isReplica(first)));
    const over = performance.now();
    await jobs.more(200);
    if (how === "paused") first.resume();
    await jobs.more(200);
    await jobs.end();
    await settled();
    const counts = begins();
    const missing = jobs.acknowledged.filter((id) => !counts.has(id));
    // A replica is some milliseconds behind, and a master goes on as one until it is told: what was acknowledged in this time is
    // all that may be lost.
    const late = missing.filter((id) => {
      const moment = jobs.at.get(id) ?? 0;
      return moment < begun - 200 || moment > over + 200;
    });
    expect(late).toEqual([]);
    expect(over - begun).toBeLessThan(15_000);
    expect(jobs.acknowledged.length).toBeGreaterThan(500);
  },
  180_000,
);
