import type { Colors } from "picocolors/types.js";
import type { ActiveJob, QueueOverview, WorkerView } from "../client/index.ts";
import { formatMilliseconds } from "../core/durations.ts";
import { plain } from "./error-report.ts";
import { mebibytes, queuesText, stateText } from "./inspect-tables.ts";
import { formatMoment } from "./moments.ts";
import { renderTable } from "./table.ts";

/** What one look found. */
export interface TopLook {
  at: Date;
  queues: QueueOverview[];
  workers: WorkerView[];
  /** Running jobs as the workers told them. */
  active: (ActiveJob & { worker: string })[];
  /** Live workers that did not answer. */
  silent: string[];
}

export interface FrameSize {
  width: number;
  /** Lines; infinite where nothing limits them. */
  height: number;
}

/** A cell in a view that never breaks lines. */
interface Cell {
  text: string;
  paint?: (text: string) => string;
}

/** A column; of those that may shrink, the last ones go first when the terminal is narrow. */
interface TopColumn {
  head: string;
  cell: (row: never) => Cell | string;
  /** The column takes what the others leave, down to this many characters. */
  least?: number;
  /** Left out where the table does not fit; the highest goes first. */
  leave?: number;
}

const gap = 2;

/** A view of queues, workers and running jobs that fits a terminal: it cuts cells and counts the rows it leaves out. */
export function renderTop(look: TopLook, size: FrameSize, colors: Colors): string {
  const { queues, workers, active, silent } = look;
  const up = workers.filter(({ state }) => state !== "dead");
  const served = up.flatMap((worker) => worker.queues);
  const taken = sum(served.map((queue) => queue.active));
  const slots = sum(served.map((queue) => queue.concurrency));
  const title = [
    colors.bold("lovage top"),
    formatMoment(look.at),
    `${up.length} of ${workers.length} workers up`,
    `${taken} of ${slots} slots taken`,
    `${sum(queues.map((queue) => queue.waiting))} waiting`,
  ].join("  ");
  // The title, three heads and three blank lines stand between the rows.
  const free = Math.max(2, size.height - queues.length - 7);
  // Workers are few as a rule; jobs get the rest.
  const workerRows = Math.min(workers.length, Math.max(1, Math.ceil(free / 2), free - active.length));
  const jobRows = Math.min(active.length, Math.max(1, free - workerRows));
  const lines = [
    title,
    "",
    ...table(queueColumns(colors), queues, queues.length, "queues", size, colors),
    "",
    ...table(workerColumns(colors, silent), inOrder(workers), workerRows, "workers", size, colors),
    "",
    ...table(jobColumns, active, jobRows, "running jobs", size, colors),
  ].map((line) => cutLine(line, size.width, colors));
  return lines.slice(0, size.height).join("\n");
}

/** Those that need attention come first. */
function inOrder(workers: readonly WorkerView[]): WorkerView[] {
  const rank = { stuck: 0, dead: 1, stopping: 2, alive: 3 };
  return workers.toSorted((a, b) => rank[a.state] - rank[b.state] || (a.name < b.name ? -1 : 1));
}

function queueColumns(colors: Colors): TopColumn[] {
  const count = (head: string, read: (queue: QueueOverview) => number, leave?: number): TopColumn => ({
    head,
    cell: (queue: QueueOverview) => String(read(queue)),
    ...(leave !== undefined && { leave }),
  });
  return [
    {
      head: "queue",
      cell: ({ queue, paused }: QueueOverview) =>
        paused ? { text: `${queue} (paused)`, paint: colors.yellow } : queue,
    },
    count("waiting", (queue) => queue.waiting),
    count("scheduled", (queue) => queue.scheduled),
    count("active", (queue) => queue.active),
    count("children", (queue) => queue.waitingChildren, 1),
    count("failed", (queue) => queue.failed),
    {
      head: "oldest",
      cell: ({ oldestMilliseconds: oldest }: QueueOverview) =>
        oldest === null ? "-" : formatMilliseconds(oldest),
    },
    {
      head: "workers",
      cell: ({ workers, waiting }: QueueOverview) =>
        workers === 0 && waiting > 0 ? { text: "0", paint: colors.red } : String(workers),
    },
  ];
}

function workerColumns(colors: Colors, silent: readonly string[]): TopColumn[] {
  return [
    { head: "worker", cell: ({ name }: WorkerView) => name, least: 20 },
    {
      head: "state",
      cell: (worker: WorkerView) =>
        silent.includes(worker.name) && worker.state === "alive"
          ? { text: "silent", paint: colors.red }
          : { text: worker.state, paint: () => stateText(worker, { colors }) },
    },
    { head: "queues", cell: ({ queues }: WorkerView) => queuesText(queues), least: 20 },
    { head: "done", cell: ({ completed }: WorkerView) => String(completed) },
    { head: "failed", cell: ({ failed }: WorkerView) => String(failed) },
    { head: "retried", cell: ({ retried }: WorkerView) => String(retried), leave: 3 },
    { head: "lag", cell: ({ lag }: WorkerView) => formatMilliseconds(lag), leave: 2 },
    { head: "memory", cell: ({ rss }: WorkerView) => mebibytes(rss), leave: 1 },
    { head: "beat", cell: ({ age }: WorkerView) => formatMilliseconds(age) },
  ];
}

const jobColumns: TopColumn[] = [
  // An id of Lovage's own stays whole, to be copied.
  { head: "job", cell: ({ id }: ActiveJob) => id, least: 36 },
  { head: "task", cell: ({ task }: ActiveJob) => task, least: 16 },
  { head: "try", cell: ({ attempt }: ActiveJob) => String(attempt), leave: 1 },
  { head: "running", cell: ({ running }: ActiveJob) => formatMilliseconds(running) },
  { head: "worker", cell: ({ worker }: { worker: string }) => worker, least: 8 },
  { head: "Ray job", cell: ({ rayJob }: ActiveJob) => rayJob ?? "-", leave: 3, least: 10 },
  { head: "input", cell: ({ input }: ActiveJob) => input, leave: 2, least: 10 },
];

function table(
  columns: readonly TopColumn[],
  rows: readonly object[],
  show: number,
  what: string,
  { width }: FrameSize,
  colors: Colors,
): string[] {
  if (rows.length === 0) return [colors.dim(`no ${what}`)];
  const hidden = rows.length - show;
  const shown = rows.slice(0, hidden > 0 ? Math.max(0, show - 1) : show);
  let kept = [...columns];
  let room = widthsOf(kept, shown, width);
  while (room === undefined && kept.some(({ leave }) => leave !== undefined)) {
    const least = Math.max(...kept.map(({ leave }) => leave ?? 0));
    kept = kept.filter(({ leave }) => leave !== least);
    room = widthsOf(kept, shown, width);
  }
  const widths = room ?? kept.map(() => Number.POSITIVE_INFINITY);
  const cells = shown.map((row) => kept.map((column, at) => paint(read(column, row), widths[at] ?? 0)));
  const paper = { colors, width: Number.POSITIVE_INFINITY };
  const lines = renderTable(
    paper,
    kept.map(({ head }) => ({ head })),
    cells,
  ).split("\n");
  return hidden > 0 ? [...lines, colors.dim(`… ${rows.length - shown.length} more ${what}`)] : lines;
}

/** The width of each column, or undefined where even the least ones do not fit. */
function widthsOf(
  columns: readonly TopColumn[],
  rows: readonly object[],
  width: number,
): number[] | undefined {
  const natural = columns.map((column) =>
    Math.max(column.head.length, ...rows.map((row) => read(column, row).text.length)),
  );
  let over = sum(natural) + gap * (columns.length - 1) - width;
  // What shrinks last is what a person looks for first: from the right to the left.
  for (let at = columns.length - 1; at >= 0 && over > 0; at -= 1) {
    const least = columns[at]?.least;
    const has = natural[at] ?? 0;
    if (least === undefined || has <= least) continue;
    const given = Math.min(over, has - least);
    natural[at] = has - given;
    over -= given;
  }
  return over > 0 ? undefined : natural;
}

function read(column: TopColumn, row: object): Cell {
  const cell = column.cell(row as never);
  // Names and inputs are foreign: an escape in them could move the cursor.
  return typeof cell === "string" ? { text: plain(cell) } : cell;
}

function paint({ text, paint: color }: Cell, width: number): string {
  if (text.length > width) return `${text.slice(0, Math.max(0, width - 1))}…`;
  return color === undefined ? text : color(text);
}

/** A line that is still too long has no colours to lose but the title's. */
function cutLine(line: string, width: number, colors: Colors): string {
  const bare = plain(line);
  return bare.length <= width ? line : colors.reset(`${bare.slice(0, Math.max(0, width - 1))}…`);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
