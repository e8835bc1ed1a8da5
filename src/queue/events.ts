import { parseJson } from "../core/json.ts";
import { type Progress, toProgress } from "../core/progress.ts";
import { type EventReader, type StreamEntry, streamOf } from "./event-reader.ts";
import type { Keys } from "./keys.ts";

/** What is told of a job as it happens. An event can be lost, so whoever waits also looks. */
export type JobEvent =
  | { type: "progress"; progress: Progress }
  | { type: "completed"; output: unknown }
  /** `failed`, and `removed` when the job is gone: look. */
  | { type: "changed" };

/** Tells the events of single jobs. */
export interface JobEvents {
  /** Resolves when events of the job, from now on, reach the listener; the result stops it. */
  listen(queue: string, id: string, listener: (event: JobEvent) => void): Promise<() => void>;
}

type JobListener = (event: JobEvent) => void;

interface Ears {
  readonly byJob: Map<string, Set<JobListener>>;
  readonly listening: Promise<{ stop(): void }>;
}

/** One listener of the reader serves all jobs of a queue that somebody waits for. */
export function createJobEvents(reader: EventReader, keys: Keys): JobEvents {
  const queues = new Map<string, Ears>();

  function open(queue: string): Ears {
    const byJob: Ears["byJob"] = new Map();
    const listening = reader.listen(queue, {
      entries(entries) {
        for (const entry of entries) tell(byJob, entry);
      },
      gap() {
        for (const set of byJob.values()) for (const listener of set) listener({ type: "changed" });
      },
      closed() {},
    });
    const ears = { byJob, listening };
    queues.set(queue, ears);
    listening.catch(() => queues.delete(queue));
    return ears;
  }

  return {
    async listen(name, id, listener) {
      const queue = streamOf(keys, name, id);
      const ears = queues.get(queue) ?? open(queue);
      const set = ears.byJob.get(id) ?? new Set();
      ears.byJob.set(id, set.add(listener));
      const { stop } = await ears.listening;
      return () => {
        set.delete(listener);
        if (set.size === 0 && ears.byJob.get(id) === set) ears.byJob.delete(id);
        if (ears.byJob.size > 0 || queues.get(queue) !== ears) return;
        queues.delete(queue);
        stop();
      };
    },
  };
}

function tell(byJob: Ears["byJob"], { fields }: StreamEntry): void {
  const set = byJob.get(fields["jobId"] ?? "");
  const event = set && toJobEvent(fields);
  if (event !== undefined) for (const listener of set ?? []) listener(event);
}

function toJobEvent(fields: StreamEntry["fields"]): JobEvent | undefined {
  switch (fields["event"]) {
    case "progress":
      return { type: "progress", progress: toProgress(parseJson(fields["data"] ?? "")) };
    case "completed":
      return { type: "completed", output: parseJson(fields["returnvalue"] ?? "") };
    case "failed":
    case "removed":
    case "delayed":
    case "stalled":
      return { type: "changed" };
    default:
      return undefined;
  }
}
