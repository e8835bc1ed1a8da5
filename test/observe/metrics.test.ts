import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test, vi } from "vitest";
import { LovageError } from "../../src/core/errors.ts";
import { addClusterMetrics } from "../../src/observe/cluster-metrics.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { addQueueMetrics, type SharedLook } from "../../src/observe/queue-metrics.ts";
import { createRayMetrics } from "../../src/observe/ray-metrics.ts";
import { createSchedulerMetrics } from "../../src/observe/scheduler-metrics.ts";
import { createWorkerMetrics } from "../../src/observe/worker-metrics.ts";
import { createEveryMetric, nothing } from "../support/every-metric.ts";

afterEach(() => {
  vi.useRealTimers();
});

function make() {
  const metrics = createMetrics({ process: "test", version: "1.2.3", lag: () => 1500 });
  /** The lines of one metric, without help. */
  const read = async (name: string) => {
    const { body } = await metrics.scrape();
    return body.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  };
  return { metrics, read };
}

const error = new LovageError("JOB_FAILED", "x");

test("what attempts do is counted by task, queue and type", async () => {
  const { metrics, read } = make();
  const observer = createWorkerMetrics(metrics, {
    tasks: [
      { name: "a", queue: "ml" },
      { name: "elsewhere", queue: "data" },
    ],
    served: ["ml"],
    queues: () => [
      { name: "ml", concurrency: 4, active: 3, paused: false },
      { name: "data", concurrency: 2, active: 0, paused: true },
    ],
  });
  const job = { task: "a", queue: "ml", firstStart: true, dueAt: Date.now() - 2000 };
  observer.started(job);
  observer.ended(job, { type: "completed" });
  const again = { task: "a", queue: "ml", firstStart: false, dueAt: Date.now() - 90_000 };
  observer.started(again);
  observer.ended(again, { type: "retry" });
  // Put aside before it began: no start, no runtime.
  observer.ended({ task: "a", queue: "ml" }, { type: "postponed" });
  observer.stalled("ml");
  const events = await read("lovage_task_events_total");
  expect(events).toContain('lovage_task_events_total{queue="ml",task="a",type="started"} 2');
  expect(events).toContain('lovage_task_events_total{queue="ml",task="a",type="retried"} 1');
  expect(events).toContain('lovage_task_events_total{queue="ml",task="a",type="postponed"} 1');
  // Known from the start, so that the first event is seen by `rate`; what the worker does not serve is not.
  expect(events).toContain('lovage_task_events_total{queue="ml",task="a",type="failed"} 0');
  expect(events.filter((line) => line.includes("elsewhere"))).toEqual([]);
  expect(await read("lovage_task_runtime_seconds_count")).toEqual([
    'lovage_task_runtime_seconds_count{task="a"} 2',
  ]);
  expect(await read("lovage_task_wait_seconds_count")).toEqual([
    'lovage_task_wait_seconds_count{task="a"} 1',
  ]);
  expect(await read("lovage_task_wait_seconds_bucket")).toContain(
    'lovage_task_wait_seconds_bucket{le="1",task="a"} 0',
  );
  expect(await read("lovage_worker_active_jobs")).toContain('lovage_worker_active_jobs{queue="ml"} 3');
  expect(await read("lovage_worker_slots")).toEqual([
    'lovage_worker_slots{queue="ml"} 4',
    'lovage_worker_slots{queue="data"} 0',
  ]);
  expect(await read("lovage_jobs_stalled_total")).toEqual(['lovage_jobs_stalled_total{queue="ml"} 1']);
  expect(await read("lovage_event_loop_lag_seconds")).toEqual(["lovage_event_loop_lag_seconds 1.5"]);
});

test("names that are not known make no series of their own", async () => {
  const { metrics, read } = make();
  const worker = createWorkerMetrics(metrics, { tasks: [], served: [], queues: () => [] });
  const ray = createRayMetrics(metrics, ["a"]);
  const scheduler = createSchedulerMetrics(metrics, ["nightly"]);
  for (let index = 0; index < 50; index += 1) {
    const job = { task: `invented-${index}`, queue: "ml" };
    worker.started(job);
    worker.ended(job, { type: "failed" });
    ray.began(job.task);
    ray.ended(job.task, `PROGRAM_CODE_${index}`);
    ray.callFailed(`CODE_${index}`);
    scheduler.fired({ schedule: `made-${index}`, lateness: 90_000 });
  }
  ray.began("a");
  ray.submitted("a", "submitted");
  ray.callFailed("RAY_TIMEOUT");
  expect(await read("lovage_task_events_total")).toHaveLength(2);
  expect(await read("lovage_ray_jobs_total")).toEqual([
    'lovage_ray_jobs_total{task="other",verdict="other"} 50',
  ]);
  expect(await read("lovage_ray_poll_errors_total")).toHaveLength(2);
  expect(await read("lovage_ray_jobs_running")).toEqual([
    'lovage_ray_jobs_running{task="other"} 0',
    'lovage_ray_jobs_running{task="a"} 1',
  ]);
  expect(await read("lovage_schedule_fired_total")).toEqual([
    'lovage_schedule_fired_total{schedule="nightly"} 0',
    'lovage_schedule_fired_total{schedule="other"} 50',
  ]);
});

test("a scheduler's times, late and punctual, made and skipped", async () => {
  const { metrics, read } = make();
  const observer = createSchedulerMetrics(metrics, ["nightly"]);
  observer.leader(true);
  observer.ticked();
  observer.fired({ schedule: "nightly", lateness: 400 });
  observer.fired({ schedule: "nightly", lateness: 90_000 });
  observer.skipped({ schedule: "nightly", count: 3, why: "missed" });
  observer.rearmed({ schedule: "nightly" });
  observer.upkeep("reap", 2);
  observer.upkeepFailed("reap");
  expect(await read("lovage_scheduler_leader")).toEqual(["lovage_scheduler_leader 1"]);
  const buckets = await read("lovage_schedule_lateness_seconds_bucket");
  expect(buckets).toContain('lovage_schedule_lateness_seconds_bucket{le="60",schedule="nightly"} 1');
  expect(buckets).toContain('lovage_schedule_lateness_seconds_bucket{le="+Inf",schedule="nightly"} 2');
  expect(await read("lovage_schedule_skipped_total")).toContain(
    'lovage_schedule_skipped_total{schedule="nightly",reason="missed"} 3',
  );
  expect(await read("lovage_upkeep_total")).toEqual(['lovage_upkeep_total{step="reap"} 2']);
  observer.leader(false);
  expect(await read("lovage_scheduler_leader")).toEqual(["lovage_scheduler_leader 0"]);
});

const seen: SharedLook = {
  memory: { used: 50, max: 100 },
  queues: [
    {
      queue: "ml",
      paused: true,
      depths: [
        { state: "waiting", jobs: 3, oldestAge: 2500 },
        { state: "completed", jobs: 9, oldestAge: null },
      ],
    },
  ],
  workers: [
    { name: "a", state: "alive" },
    { name: "b", state: "dead" },
    { name: "c", state: "stuck" },
  ],
  capacity: [{ queue: "ml", slots: 6 }],
  slots: [{ task: "t", used: 2, waiting: 1, total: undefined }],
};

test("what lies in Redis is looked at once a second, however many ask, and forgotten when it is gone", async () => {
  const { metrics, read } = make();
  vi.useFakeTimers({ toFake: ["performance"] });
  let looks = 0;
  let answer: () => Promise<SharedLook> = async () => seen;
  addQueueMetrics(metrics, () => {
    looks += 1;
    return answer();
  });
  await Promise.all([metrics.scrape(), metrics.scrape(), metrics.scrape()]);
  expect(looks).toBe(1);
  expect(await read("lovage_queue_jobs")).toEqual([
    'lovage_queue_jobs{queue="ml",state="waiting"} 3',
    'lovage_queue_jobs{queue="ml",state="completed"} 9',
  ]);
  expect(await read("lovage_queue_oldest_job_age_seconds")).toEqual([
    'lovage_queue_oldest_job_age_seconds{queue="ml",state="waiting"} 2.5',
  ]);
  expect(await read("lovage_worker_online")).toEqual([
    'lovage_worker_online{worker="a"} 1',
    'lovage_worker_online{worker="b"} 0',
    'lovage_worker_online{worker="c"} 1',
  ]);
  expect(await read("lovage_worker_stuck")).toContain('lovage_worker_stuck{worker="c"} 1');
  expect(await read("lovage_task_slots")).toEqual([]);
  expect(await read("lovage_redis_memory_max_bytes")).toEqual(["lovage_redis_memory_max_bytes 100"]);
  expect(looks).toBe(1);

  answer = async () => nothing;
  vi.advanceTimersByTime(1000);
  expect(await read("lovage_worker_online")).toEqual([]);
  expect(looks).toBe(2);

  // Without Redis the metrics are answered all the same, and no old number stays.
  answer = async () => Promise.reject(error);
  vi.advanceTimersByTime(1000);
  expect(await read("lovage_redis_up")).toEqual(["lovage_redis_up 0"]);
  expect(await read("lovage_redis_memory_used_bytes")).toEqual([]);
  expect(await read("lovage_queue_jobs")).toEqual([]);
});

test("no scrape waits for the Ray cluster; the next one shows what was found", async () => {
  const { metrics, read } = make();
  const answer =
    Promise.withResolvers<Awaited<ReturnType<Parameters<typeof addClusterMetrics>[1]["nodes"]>>>();
  const facts = { name: "default", address: "http://ray", expectedNodes: 3, expectedCpus: 4 };
  addClusterMetrics(metrics, { nodes: () => answer.promise, clusters: [facts] });
  expect(await read("lovage_ray_up")).toEqual([]);
  const node = { id: "n", address: "n", head: true, cpus: 4, memory: null };
  answer.resolve([
    { ...node, alive: true, cpusUsed: 1.5 },
    { ...node, alive: false, cpusUsed: null },
  ]);
  await answer.promise;
  expect(await read("lovage_ray_up")).toEqual(['lovage_ray_up{cluster="default"} 1']);
  expect(await read("lovage_ray_nodes")).toEqual([
    'lovage_ray_nodes{cluster="default",state="alive"} 1',
    'lovage_ray_nodes{cluster="default",state="dead"} 1',
  ]);
  expect(await read("lovage_ray_cpus_used")).toEqual(['lovage_ray_cpus_used{cluster="default"} 1.5']);
  expect(await read("lovage_ray_nodes_expected")).toEqual(['lovage_ray_nodes_expected{cluster="default"} 3']);
});

test("labels of the whole process are asked for at each scrape", async () => {
  let worker = "one";
  const metrics = createMetrics({
    process: "worker",
    version: "1",
    lag: () => 0,
    labels: () => ({ worker }),
  });
  expect((await metrics.scrape()).body).toContain(
    'lovage_build_info{process="worker",version="1",worker="one"} 1',
  );
  worker = "one-2";
  expect((await metrics.scrape()).body).toContain('worker="one-2"} 1');
});

test("every name follows Prometheus' rules", async () => {
  const wrong = (await createEveryMetric().getMetricsAsJSON()).filter(({ name, type, help }) => {
    const isCounter = String(type) === "counter";
    return name.endsWith("_total") !== isCounter || help === "" || !/^[a-z][a-z0-9_]+$/.test(name);
  });
  expect(wrong.map(({ name }) => name)).toEqual([]);
});

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(`${root}docs/observability.md`, "utf8");

test("the page has every metric, with its type and its labels", async () => {
  const registry = createEveryMetric();
  const known = (await registry.getMetricsAsJSON()).filter(({ name }) => name.startsWith("lovage_"));
  const rows = [...page.matchAll(/^\| `(lovage_\w+)` \| (gauge|counter|histogram) \| ([^|]*)\|/gm)];
  const told = rows.map(([, name, type, labels = ""]) => ({
    name,
    type,
    labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
  }));
  const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }) =>
    (a.name ?? "").localeCompare(b.name ?? "");
  const registered = known.map(({ name, type }) => ({
    name,
    type: String(type),
    labels: (registry.getSingleMetric(name) as unknown as { labelNames: string[] }).labelNames,
  }));
  expect(told.toSorted(byName)).toEqual(registered.toSorted(byName));
});

test("every alert has its place in the runbook, and is tried both ways", () => {
  const runbook = readFileSync(`${root}docs/runbook.md`, "utf8");
  const rules = readFileSync(`${root}deploy/prometheus/alerts.yml`, "utf8");
  const tests = readFileSync(`${root}deploy/prometheus/alerts.test.yml`, "utf8");
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = ""]) => name);
  expect([...runbook.matchAll(/^### (Lovage\w+)$/gm)].map(([, name]) => name).toSorted()).toEqual(
    alerts.toSorted(),
  );
  for (const alert of alerts) {
    expect(rules).toContain(`runbook: docs/runbook.md#${alert.toLowerCase()}\n`);
    expect(tests).toMatch(new RegExp(`alertname: ${alert}, exp_alerts: \\[\\]`));
    expect(tests).toMatch(new RegExp(`alertname: ${alert}\\n\\s+exp_alerts:\\n\\s+- exp_labels`));
  }
});

test("the rules name metrics that there are", async () => {
  const known = new Set((await createEveryMetric().getMetricsAsJSON()).map(({ name }) => name));
  const rules = readFileSync(`${root}deploy/prometheus/alerts.yml`, "utf8");
  const named = [...rules.matchAll(/\blovage_[a-z_]+/g)].map(([name]) =>
    name.replace(/_(bucket|count|sum)$/, ""),
  );
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
});
