/** What deploy/ has for Prometheus and Grafana, on a real Prometheus that scrapes a real run. Needs Debian's `prometheus`. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createClient } from "#client";
import { freePort } from "../support/free-port.ts";
import { type Prometheus, startPrometheus } from "../support/prometheus.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const deploy = (path: string) => `${root}deploy/${path}`;

let world: World;
let prometheus: Prometheus;
const ports: Record<string, number> = {};
const children: ChildProcess[] = [];

/** A command of `lovage`, as a process with a health port. */
async function start(command: string, ...args: string[]): Promise<void> {
  const port = await freePort();
  ports[`lovage-${command}`] = port;
  const child = spawn(
    process.execPath,
    [`${root}src/bin/lovage.ts`, command, ...args, "--health-port", String(port)],
    {
      stdio: ["ignore", "ignore", "inherit"],
      env: {
        PATH: process.env["PATH"],
        REDIS_URL: world.redis.url,
        REDIS_PREFIX: world.prefix,
        RAY_ADDRESS: inject("rayAddress"),
        DASHBOARD_PASSWORD: "a password for the test",
        LOG_LEVEL: "error",
      },
    },
  );
  children.push(child);
  await eventually(`${command} to be ready`, () =>
    fetch(`http://127.0.0.1:${port}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
}

/** Waits until each target was scraped so many times more. */
async function scraped(times: number): Promise<void> {
  const counts = async () => {
    const series = await prometheus.query("count_over_time(up[1h])");
    return new Map(series.map(({ metric, value }) => [metric["job"], Number(value[1])]));
  };
  const before = await counts();
  await eventually("scrapes of all targets", async () => {
    const now = await counts();
    return Object.keys(ports).every((job) => (now.get(job) ?? 0) >= (before.get(job) ?? 0) + times);
  });
}

beforeAll(async () => {
  world = await createWorld();
  const port = await freePort();
  ports["lovage-worker"] = port;
  await world.workerProcess({
    HEALTH_PORT: String(port),
    LOVAGE_TEST_CATALOGUE: new URL("../support/observed-catalogue.ts", import.meta.url).href,
  });
  await start("scheduler");
  await start("dashboard", "--port", String(await freePort()));
  prometheus = await startPrometheus(ports);
  await scraped(2);
  const client = createClient({ redis: world.redis });
  const echo = (input: object) => ({ task: "test.echo", input });
  const jobs = await client.enqueueMany([
    ...Array.from({ length: 5 }, () => echo({ text: "well" })),
    ...Array.from({ length: 4 }, () => echo({ end: "error" })),
    echo({ end: "fail-first" }),
    { task: "test.climb", input: { rounds: 1 } },
    { task: "test.ray_echo", input: { text: "well" } },
    { task: "test.ray_echo", input: { end: "error" } },
  ]);
  // One runs and one waits for its slot, until all has been looked at.
  await client.enqueueMany([1, 2].map(() => ({ task: "test.alone", input: { seconds: 600 } })));
  for (const job of jobs) await job.result({ timeout: "80s" }).catch(() => {});
  await scraped(3);
  await client.close();
}, 120_000);

afterAll(async () => {
  await prometheus?.stop();
  for (const child of children) child.kill();
  await Promise.all(
    children.map((child) =>
      child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined,
    ),
  );
  await world?.close();
});

const promtool = (args: readonly string[], input = "") =>
  execFileSync("promtool", args, { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });

test.each(["lovage-worker", "lovage-scheduler", "lovage-dashboard"])(
  "promtool has nothing against the metrics of %s",
  async (job) => {
    const text = await (await fetch(`http://127.0.0.1:${ports[job]}/metrics`)).text();
    expect(text).toContain("lovage_build_info");
    expect(promtool(["check", "metrics"], text)).toBe("");
  },
);

test("the rules, their tests and the example of a configuration are right", () => {
  expect(promtool(["check", "rules", "--lint-fatal", deploy("prometheus/alerts.yml")])).toContain("SUCCESS");
  expect(promtool(["test", "rules", deploy("prometheus/alerts.test.yml")])).toContain("SUCCESS");
  expect(promtool(["check", "config", deploy("prometheus/prometheus.yml")])).toContain("SUCCESS");
});

test("Prometheus scrapes all, and evaluates every rule", async () => {
  const up = await prometheus.query("up == 1");
  expect(up.map(({ metric }) => metric["job"]).toSorted()).toEqual(Object.keys(ports).toSorted());
  const { groups } = await prometheus.get<{
    groups: { rules: { name: string; health: string; lastError?: string }[] }[];
  }>("rules");
  const rules = groups.flatMap((group) => group.rules);
  expect(rules.length).toBeGreaterThan(15);
  expect(rules.filter(({ health }) => health !== "ok")).toEqual([]);
});

/** What nothing has happened for, in a run in which Ray answers. */
const empty = ["sum by (code) (rate(lovage_ray_poll_errors_total[$__rate_interval]))"];

interface Panel {
  title: string;
  targets?: { expr: string }[];
  panels?: Panel[];
}

const dashboards = readdirSync(deploy("grafana"));
const queries = dashboards.flatMap((file) => {
  const { panels } = JSON.parse(readFileSync(deploy(`grafana/${file}`), "utf8")) as { panels: Panel[] };
  return panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ file, title, expr })));
});

test("there are dashboards", () => {
  expect(dashboards).toEqual(["overview.json", "ray.json", "workers.json"]);
  expect(queries.length).toBeGreaterThan(40);
});

test.each(queries)("$file, $title: $expr", async ({ expr }) => {
  const asked = expr.replaceAll("$__rate_interval", "5m").replaceAll(/\$(?:queue|task|worker)\b/g, ".*");
  const series = await prometheus.query(asked);
  if (empty.includes(expr)) expect(series).toEqual([]);
  else expect(series.length).toBeGreaterThan(0);
});

test("what happened is what Prometheus saw", async () => {
  const one = async (expr: string) => (await prometheus.query(expr))[0]?.value[1];
  const events = (task: string, type: string) =>
    one(`sum(lovage_task_events_total{task="${task}", type="${type}"})`);
  expect(await events("test.echo", "completed")).toBe("6");
  expect(await events("test.echo", "failed")).toBe("4");
  expect(await events("test.echo", "retried")).toBe("9");
  expect(await one('sum(lovage_ray_jobs_total{verdict="succeeded"})')).toBe("1");
  expect(await one("max(lovage_task_slots_used)")).toBe("1");
  expect(await one("max(lovage_task_slots_waiting)")).toBe("1");
  expect(await one("max(lovage_scheduler_leader)")).toBe("1");
  expect(await one('max(lovage_queue_jobs{queue="default", state="failed"})')).toBe("4");
  expect(
    await one("histogram_quantile(0.9, sum by (le) (lovage_task_wait_seconds_bucket)) < 60"),
  ).toBeDefined();
  // Nothing of the processes says more than it should.
  const names = await prometheus.get<string[]>("label/task/values");
  expect(names.filter((name) => !/^(test|lovage)\.[a-z_]+$|^other$|^tasks\./.test(name))).toEqual([]);
});
