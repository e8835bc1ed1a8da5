import type { Outcome } from "../task/execute.ts";
import type { Broker } from "./broker.ts";
import type { HeldJob } from "./held-job.ts";
import { bucketCount, bucketOf } from "./histogram.ts";
import { type Figures, finest, unknownTask, writeFigures } from "./history-buckets.ts";

/** Counts a worker's outcomes and times in memory, and adds them to Redis now and then. */
export interface HistoryRecorder {
  /** @param run milliseconds from taken to the attempt's end */
  note(
    job: Pick<HeldJob, "queue" | "task" | "firstStart" | "takenAt" | "dueAt">,
    outcome: Outcome["type"],
    run: number,
  ): void;
  /** Counts a job that failed without being run again. */
  noteGivenUp(job: Pick<HeldJob, "queue" | "task">): void;
  /**
   * Adds what was counted since the last time; what could not be added is kept for the next time.
   * @param clockOffset milliseconds by which Redis' clock is ahead of this machine's
   */
  flush(clockOffset: number): Promise<void>;
}

/** What is counted of outcomes; the others decide nothing. */
const endings = {
  completed: "completed",
  failed: "failed",
  retry: "retried",
  cancelled: "cancelled",
  expired: "expired",
} as const;

interface Counters {
  completed: number;
  failed: number;
  retried: number;
  cancelled: number;
  expired: number;
  wait: Uint32Array;
  run: Uint32Array;
}

/** What was counted within one minute, by queue and task. */
interface Minute {
  begin: number;
  queues: Map<string, Map<string, Counters>>;
}

/** While Redis is away little can happen; what happened longer ago than this is dropped. */
const mostMinutes = 120;

export function createHistoryRecorder(broker: Broker, knownTasks: ReadonlySet<string>): HistoryRecorder {
  let offset = 0;
  let minutes: Minute[] = [];
  let current: Minute | undefined;

  function countersOf({ queue, task }: Pick<HeldJob, "queue" | "task">): Counters {
    const begin = Math.floor((Date.now() + offset) / finest) * finest;
    if (current?.begin !== begin) {
      current = { begin, queues: new Map() };
      minutes.push(current);
      if (minutes.length > mostMinutes) minutes.shift();
    }
    const tasks = getOrAdd(current.queues, queue, createTasks);
    return getOrAdd(tasks, knownTasks.has(task) ? task : unknownTask, createCounters);
  }

  return {
    note(job, outcome, run) {
      // The attempt has not begun.
      if (outcome === "postponed") return;
      const counters = countersOf(job);
      if (outcome in endings) counters[endings[outcome as keyof typeof endings]] += 1;
      if (outcome === "cancelled" || outcome === "expired") return;
      if (job.firstStart) bump(counters.wait, job.takenAt - job.dueAt);
      if (outcome in endings) bump(counters.run, run);
    },
    noteGivenUp(job) {
      countersOf(job).failed += 1;
    },
    async flush(clockOffset) {
      offset = clockOffset;
      const sent = minutes;
      minutes = [];
      current = undefined;
      try {
        await writeFigures(broker, "add", sent.flatMap(toFigures));
      } catch (error) {
        minutes = [...sent, ...minutes].slice(-mostMinutes);
        throw error;
      }
    },
  };
}

const createTasks = () => new Map<string, Counters>();

function getOrAdd<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

function createCounters(): Counters {
  return {
    completed: 0,
    failed: 0,
    retried: 0,
    cancelled: 0,
    expired: 0,
    wait: new Uint32Array(bucketCount),
    run: new Uint32Array(bucketCount),
  };
}

function bump(buckets: Uint32Array, milliseconds: number): void {
  const bucket = bucketOf(milliseconds);
  buckets[bucket] = (buckets[bucket] ?? 0) + 1;
}

function toFigures({ begin, queues }: Minute): Figures[] {
  return [...queues].flatMap(([queue, tasks]) => {
    const all = createCounters();
    const figures: Figures[] = [];
    for (const [task, counters] of tasks) {
      figures.push({ queue, task, at: begin, fields: fieldsOf(counters) });
      for (const ending of Object.values(endings)) all[ending] += counters[ending];
      for (let bucket = 0; bucket < bucketCount; bucket += 1) {
        all.wait[bucket] = (all.wait[bucket] ?? 0) + (counters.wait[bucket] ?? 0);
        all.run[bucket] = (all.run[bucket] ?? 0) + (counters.run[bucket] ?? 0);
      }
    }
    return [...figures, { queue, at: begin, fields: fieldsOf(all) }];
  });
}

function fieldsOf(counters: Counters): (string | number)[] {
  const fields: (string | number)[] = [];
  for (const ending of Object.values(endings)) {
    if (counters[ending] > 0) fields.push(ending, counters[ending]);
  }
  for (const times of ["wait", "run"] as const) {
    for (const [bucket, figure] of counters[times].entries()) {
      if (figure > 0) fields.push(`${times}:${bucket}`, figure);
    }
  }
  return fields;
}
