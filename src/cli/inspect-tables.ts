import type {
  ActiveJob,
  ListedJob,
  QueueOverview,
  RegisteredTask,
  ServedQueue,
  WorkerReport,
  WorkerStats,
  WorkerView,
} from "../client/index.ts";
import { formatMilliseconds } from "../core/durations.ts";
import { plain } from "./error-report.ts";
import { formatBetween, formatMoment } from "./moments.ts";
import type { Screen } from "./screen.ts";
import { renderFields, renderTable } from "./table.ts";

type Answered<Answer> = readonly { worker: string; answer: Answer; milliseconds: number }[];

const heads = (...names: string[]) => names.map((head) => ({ head }));

export function ofPings(answers: Answered<unknown>, screen: Screen): string {
  const rows = answers.map(({ worker, milliseconds }) => [
    worker,
    screen.colors.green("pong"),
    `${milliseconds}ms`,
  ]);
  return renderTable(screen, heads("worker", "answer", "after"), rows);
}

export function ofActiveJobs(answers: Answered<ActiveJob[]>, screen: Screen): string {
  const rows = answers.flatMap(({ worker, answer }) =>
    answer
      .toSorted((a, b) => b.running - a.running)
      .map((job) => [
        worker,
        job.id,
        job.task,
        job.queue,
        String(job.attempt),
        formatMilliseconds(job.running),
        job.rayJob ?? "-",
        plain(job.input),
      ]),
  );
  if (rows.length === 0) return "no job runs";
  const columns = heads("worker", "id", "task", "queue", "attempt", "running", "Ray job");
  return renderTable(screen, [...columns, { head: "input", wraps: true }], rows);
}

/** One line a task, with the workers that take its jobs. */
export function ofRegisteredTasks(answers: Answered<RegisteredTask[]>, screen: Screen): string {
  const tasks = new Map<string, RegisteredTask & { takers: string[] }>();
  for (const { worker, answer } of answers) {
    for (const task of answer) {
      const known = tasks.get(task.name) ?? { ...task, takers: [] };
      if (task.served) known.takers.push(worker);
      tasks.set(task.name, known);
    }
  }
  const rows = [...tasks.values()]
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, queue, kind, takers }) => [
      name,
      queue,
      kind === "ray" ? "Ray" : "worker",
      takers.length === 0 ? screen.colors.red("nobody") : takers.join(" "),
    ]);
  return renderTable(screen, [...heads("task", "queue", "runs on"), { head: "taken by", wraps: true }], rows);
}

export function ofStats(answers: Answered<WorkerStats>, screen: Screen): string {
  const rows = answers.map(({ worker, answer }) => [
    worker,
    answer.host,
    String(answer.pid),
    formatMilliseconds(answer.uptime),
    queuesText(answer.queues),
    String(answer.completed),
    String(answer.failed),
    String(answer.retried),
    formatMilliseconds(answer.eventLoopLag),
    mebibytes(answer.memory.rss),
    answer.lastTakenAt === null ? "never" : formatMoment(new Date(answer.lastTakenAt)),
  ]);
  const before = heads("worker", "host", "pid", "up");
  const after = heads("completed", "failed", "retried", "lag", "memory", "last job");
  return renderTable(screen, [...before, { head: "queues", wraps: true }, ...after], rows);
}

export function ofConfigurations(answers: Answered<Record<string, unknown>>, screen: Screen): string {
  const blocks = answers.map(({ worker, answer }) =>
    [screen.colors.bold(worker), renderFields(screen, flatten(answer))].join("\n"),
  );
  return blocks.join("\n\n");
}

export function ofReports(answers: Answered<WorkerReport>, screen: Screen): string {
  const blocks = answers.map(({ worker, answer: report }) => {
    const { total, free, rss, heapLimit } = report.memory;
    const fields: [string, string][] = [
      ["lovage", report.lovage],
      ["node", `${report.node} (V8 ${report.v8}, OpenSSL ${report.openssl})`],
      ["machine", `${report.host}: ${report.platform} ${report.arch}, ${report.cpus} CPUs`],
      ["process", String(report.pid)],
      ["redis", report.redis],
      ["memory", `${mebibytes(rss)} used, heap up to ${mebibytes(heapLimit)}`],
      ["machine's", `${mebibytes(free)} free of ${mebibytes(total)}`],
    ];
    return [screen.colors.bold(worker), renderFields(screen, fields)].join("\n");
  });
  return blocks.join("\n\n");
}

export function ofWorkers(workers: readonly WorkerView[], screen: Screen): string {
  if (workers.length === 0) return "no workers";
  const rows = workers.map((worker) => [
    worker.name,
    stateText(worker, screen),
    worker.host,
    String(worker.pid),
    formatMilliseconds(worker.age),
    queuesText(worker.queues),
    worker.why,
  ]);
  const columns = heads("worker", "state", "host", "pid", "last beat");
  return renderTable(
    screen,
    [...columns, { head: "queues", wraps: true }, { head: "why", wraps: true }],
    rows,
  );
}

export function ofQueues(queues: readonly QueueOverview[], screen: Screen): string {
  const names = [
    "queue",
    "waiting",
    "scheduled",
    "active",
    "waiting-children",
    "failed",
    "oldest",
    "workers",
  ];
  const rows = queues.map((queue) => [
    queue.queue,
    String(queue.waiting),
    String(queue.scheduled),
    String(queue.active),
    String(queue.waitingChildren),
    String(queue.failed),
    queue.oldestMilliseconds === null ? "-" : formatMilliseconds(queue.oldestMilliseconds),
    queue.workers === 0 && queue.waiting > 0 ? screen.colors.red("0") : String(queue.workers),
    queue.paused ? screen.colors.yellow("paused") : "",
  ]);
  return renderTable(screen, heads(...names, ""), rows);
}

export function ofListedJobs(
  jobs: readonly ListedJob[],
  kind: "scheduled" | "reserved",
  screen: Screen,
): string {
  if (jobs.length === 0) return kind === "scheduled" ? "no job waits for its time" : "no job waits";
  const now = new Date();
  const rows = jobs.map((job) => [
    job.id,
    job.task,
    job.queue,
    job.at === null
      ? formatBetween(job.enqueuedAt, now)
      : `${formatMoment(job.at)} (in ${formatBetween(now, job.at)})`,
    String(job.priority),
    plain(job.input),
  ]);
  const when = kind === "scheduled" ? "at" : "waits for";
  return renderTable(
    screen,
    [...heads("id", "task", "queue", when, "priority"), { head: "input", wraps: true }],
    rows,
  );
}

export function stateText({ state }: WorkerView, { colors }: Pick<Screen, "colors">): string {
  if (state === "alive") return colors.green(state);
  return state === "stopping" ? colors.yellow(state) : colors.red(state);
}

/** Each queue with how many of its slots are taken. */
export function queuesText(queues: readonly ServedQueue[]): string {
  if (queues.length === 0) return "none";
  return queues
    .map(
      ({ name, active, concurrency, paused }) => `${name} ${active}/${concurrency}${paused ? " paused" : ""}`,
    )
    .join(", ");
}

export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

function flatten(value: Record<string, unknown>, prefix = ""): [string, string][] {
  return Object.entries(value).flatMap(([name, part]) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? flatten(part as Record<string, unknown>, `${prefix}${name}.`)
      : [[`${prefix}${name}`, Array.isArray(part) ? part.join(", ") : String(part)] as [string, string]],
  );
}
