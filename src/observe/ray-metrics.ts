import { Counter, Gauge } from "prom-client";
import { errorCodes } from "../core/errors.ts";
import type { Metrics } from "./metrics.ts";
import { createNames } from "./worker-metrics.ts";

/** What the Ray client itself raises. */
const clientCodes = [
  "RAY_NOT_FOUND",
  "RAY_CONFLICT",
  "RAY_REJECTED",
  "RAY_UNAUTHORIZED",
  "RAY_UNAVAILABLE",
  "RAY_TIMEOUT",
  "RAY_PROTOCOL",
  "RAY_PACKAGE_TOO_LARGE",
  "RAY_RESPONSE_TOO_LARGE",
];

/** Whether the worker takes each Ray cluster for up. */
export function addBreakerMetric(
  { registry, beforeScrape }: Metrics,
  states: () => Readonly<Record<string, string>>,
): void {
  const open = new Gauge({
    name: "lovage_ray_breaker_open",
    help: "Whether the worker takes the Ray cluster for down, so that it begins nothing there: 1 or 0.",
    labelNames: ["cluster"],
    registers: [registry],
  });
  beforeScrape(() => {
    for (const [cluster, state] of Object.entries(states()))
      open.set({ cluster }, state === "closed" ? 0 : 1);
  });
}

/** What a worker's Ray jobs do, counted: the Ray room's observer. */
export function createRayMetrics({ registry }: Metrics, tasks: readonly string[]) {
  const nameOf = createNames(tasks);
  const codes = new Set([...Object.keys(errorCodes), ...clientCodes, "succeeded"]);
  // A program may end with any code it likes.
  const codeOf = (code: string) => (codes.has(code) ? code : "other");
  const registers = [registry];
  const submissions = new Counter({
    name: "lovage_ray_submissions_total",
    help: "Programs sent to Ray: submitted, attached (one that ran there already), refused.",
    labelNames: ["task", "result"],
    registers,
  });
  const verdicts = new Counter({
    name: "lovage_ray_jobs_total",
    help: "How Ray jobs ended: succeeded or a code; WORKER_STOPPING and LOCK_LOST: left to the next worker.",
    labelNames: ["task", "verdict"],
    registers,
  });
  const errors = new Counter({
    name: "lovage_ray_poll_errors_total",
    help: "Calls to the cluster that were not answered or were refused while a job waited for them; most are repeated.",
    labelNames: ["code"],
    registers,
  });
  const running = new Gauge({
    name: "lovage_ray_jobs_running",
    help: "Ray jobs that the worker's jobs wait for now.",
    labelNames: ["task"],
    registers,
  });

  return {
    began: (task: string): void => running.inc({ task: nameOf(task) }),
    submitted: (task: string, result: string): void => submissions.inc({ task: nameOf(task), result }),
    ended(task: string, verdict: string): void {
      running.dec({ task: nameOf(task) });
      verdicts.inc({ task: nameOf(task), verdict: codeOf(verdict) });
    },
    callFailed: (code: string): void => errors.inc({ code: codeOf(code) }),
  };
}
