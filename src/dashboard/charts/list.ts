/** One line, or one layer of a stack, of a chart. */
interface Series {
  /** Where its figures are in a point of the history. */
  path: string;
  name: string;
  /** Which of the colours in charts.css. */
  colour: string;
}

/** A chart, as the browser's script draws it. */
export interface Chart {
  id: string;
  title: string;
  /** What a person is told who does not see it. */
  about: string;
  kind: "stack" | "lines";
  unit: "jobs" | "milliseconds";
  /** Whether it is counted by queue alone, and not by task. */
  byQueueOnly: boolean;
  series: readonly Series[];
}

const quantiles = (of: "wait" | "run"): Series[] => [
  { path: `${of}.p50`, name: "half", colour: "low" },
  { path: `${of}.p95`, name: "95 %", colour: "middle" },
  { path: `${of}.p99`, name: "99 %", colour: "high" },
];

/** All charts, in the order of the page. */
export const charts: readonly Chart[] = [
  {
    id: "throughput",
    title: "Throughput",
    about: "Jobs that ended in each step, by outcome, on top of each other",
    kind: "stack",
    unit: "jobs",
    byQueueOnly: false,
    series: [
      { path: "completed", name: "completed", colour: "completed" },
      { path: "failed", name: "failed", colour: "failed" },
      { path: "cancelled", name: "cancelled", colour: "cancelled" },
      { path: "expired", name: "expired", colour: "expired" },
    ],
  },
  {
    id: "failures",
    title: "Failures",
    about: "Jobs that failed, and attempts that were followed by another, in each step",
    kind: "stack",
    unit: "jobs",
    byQueueOnly: false,
    series: [
      { path: "failed", name: "failed", colour: "failed" },
      { path: "retried", name: "retried", colour: "retried" },
    ],
  },
  {
    id: "wait",
    title: "Wait",
    about:
      "From when jobs could have started until a worker took them: half, 95 % and 99 % of them waited no longer",
    kind: "lines",
    unit: "milliseconds",
    byQueueOnly: false,
    series: quantiles("wait"),
  },
  {
    id: "run",
    title: "Run time",
    about:
      "From when a worker took jobs until their attempts ended: half, 95 % and 99 % of them took no longer",
    kind: "lines",
    unit: "milliseconds",
    byQueueOnly: false,
    series: quantiles("run"),
  },
  {
    id: "backlog",
    title: "Backlog",
    about: "Jobs that waited for a worker, the most in each step",
    kind: "lines",
    unit: "jobs",
    byQueueOnly: true,
    series: [{ path: "waiting", name: "waiting", colour: "waiting" }],
  },
  {
    id: "backlog-age",
    title: "Backlog age",
    about: "How long the oldest waiting job had waited, the longest in each step",
    kind: "lines",
    unit: "milliseconds",
    byQueueOnly: true,
    series: [{ path: "backlogAge", name: "oldest", colour: "waiting" }],
  },
];
