/** What one job costs each part, as `bench/scaling.ts` measured it. Microseconds are of CPU time. */
export interface Figures {
  machine: { cpus: number; model: string; node: string; redis: string };
  /** How many jobs and firings were counted. */
  jobs: number;
  firings: number;
  client: { microsecondsPerCall: number };
  redis: {
    microsecondsPerCall: number;
    microsecondsPerRun: number;
    commandsPerJob: number;
    /** In and out, over the whole life of a job, with one reader of the events. */
    bytesMovedPerJob: number;
    bytesPerWaitingJob: number;
    bytesPerEndedJob: number;
  };
  worker: { microsecondsPerJob: number };
  events: { perJob: number; microsecondsPerEvent: number };
  scheduler: { microsecondsPerFiring: number; redisMicrosecondsPerFiring: number };
}

/** Jobs a second that the page speaks of. */
const rates = [10, 1000, 100_000];

/** A process of JavaScript, and Redis' main thread, have one CPU each; beyond this share of it waits grow. */
export const bearable = 0.7;

const number = (value: number) =>
  value >= 100 ? Math.round(value).toLocaleString("en-GB") : String(Number(value.toPrecision(2)));

/** The figures that were measured, as a table in Markdown. */
export function costTable(figures: Figures): string {
  const { client, redis, worker, events, scheduler } = figures;
  const rows: [string, number, string][] = [
    ["client: one call", client.microsecondsPerCall, "µs of CPU"],
    ["Redis: one call", redis.microsecondsPerCall, "µs of CPU"],
    ["Redis: one run, from taken to ended", redis.microsecondsPerRun, "µs of CPU"],
    ["worker: one run of a task that does nothing", worker.microsecondsPerJob, "µs of CPU"],
    ["Redis: commands a job, those inside scripts counted", redis.commandsPerJob, ""],
    ["network of Redis: in and out, a job", redis.bytesMovedPerJob, "bytes"],
    ["Redis: memory of a waiting job", redis.bytesPerWaitingJob, "bytes"],
    ["Redis: memory of an ended job and its result", redis.bytesPerEndedJob, "bytes"],
    ["events of a job", events.perJob, ""],
    ["dashboard: one event that is followed", events.microsecondsPerEvent, "µs of CPU"],
    ["scheduler: one firing", scheduler.microsecondsPerFiring, "µs of CPU"],
    ["Redis: one firing, with its call", scheduler.redisMicrosecondsPerFiring, "µs of CPU"],
  ];
  const lines = rows.map(([what, value, unit]) => `| ${what} | ${number(value)} ${unit} |`);
  return ["| what | measured |", "| --- | --- |", ...lines].join("\n");
}

/** What the parts need at each rate, as a table in Markdown. */
export function rateTable({ client, redis, worker, events, scheduler }: Figures): string {
  const cores = (microseconds: number) => (rate: number) => {
    const needed = (rate * microseconds) / 1e6;
    const processes = Math.max(1, Math.ceil(needed / bearable));
    return `${number(needed)} CPU: ${processes}`;
  };
  // One that cannot be divided.
  const whole = (microseconds: number) => (rate: number) => {
    const needed = (rate * microseconds) / 1e6;
    return `${number(needed)} CPU${needed > bearable ? ", too much" : ""}`;
  };
  const rows: [string, (rate: number) => string][] = [
    ["clients (processes)", cores(client.microsecondsPerCall)],
    ["workers (processes)", cores(worker.microsecondsPerJob)],
    ["Redis (masters)", cores(redis.microsecondsPerCall + redis.microsecondsPerRun)],
    ["network of Redis", (rate) => `${number((rate * redis.bytesMovedPerJob * 8) / 1e6)} Mbit/s`],
    [
      "memory, if the ended of an hour are kept",
      (rate) => `${number((rate * 3600 * redis.bytesPerEndedJob) / 2 ** 30)} GiB`,
    ],
    [
      "memory, if workers are away for a minute",
      (rate) => `${number((rate * 60 * redis.bytesPerWaitingJob) / 2 ** 30)} GiB`,
    ],
    ["each dashboard with a page open", whole(events.perJob * events.microsecondsPerEvent)],
    ["the scheduler, if every job is a firing", whole(scheduler.microsecondsPerFiring)],
  ];
  const head = `| part | ${rates.map((rate) => `${rate.toLocaleString("en-GB")} jobs/s`).join(" | ")} |`;
  const lines = rows.map(([part, of]) => `| ${part} | ${rates.map(of).join(" | ")} |`);
  return [head, `| --- |${" --- |".repeat(rates.length)}`, ...lines].join("\n");
}

/** Jobs a second at which one process, or one master, has taken the bearable share of its CPU. */
export function limitsOf({ client, redis, worker, scheduler, events }: Figures) {
  const most = (microseconds: number) => Math.floor((bearable * 1e6) / microseconds / 100) * 100;
  return {
    client: most(client.microsecondsPerCall),
    worker: most(worker.microsecondsPerJob),
    redis: most(redis.microsecondsPerCall + redis.microsecondsPerRun),
    scheduler: most(scheduler.microsecondsPerFiring),
    dashboard: most(events.perJob * events.microsecondsPerEvent),
  };
}

/** The same as a table in Markdown. */
export function limitTable(figures: Figures): string {
  const limits = limitsOf(figures);
  const rows = [
    ["a client's process", limits.client, "another process"],
    ["a worker's process, of tasks that do nothing", limits.worker, "another worker, on another CPU or host"],
    ["one Redis", limits.redis, "several masters: sharded queues on a [Redis Cluster](redis-cluster.md)"],
    ["a dashboard that shows everything live", limits.dashboard, "no page open: then it reads no events"],
    ["the scheduler, of jobs that are all firings", limits.scheduler, "one firing that enqueues many jobs"],
  ] as const;
  const lines = rows.map(
    ([part, limit, next]) => `| ${part} | ${limit.toLocaleString("en-GB")} jobs/s | ${next} |`,
  );
  return ["| part | is busy at | what takes over |", "| --- | --- | --- |", ...lines].join("\n");
}
