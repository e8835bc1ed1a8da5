import { setTimeout as sleep } from "node:timers/promises";
import { QueueEvents } from "bullmq";
import { type Progress, toProgress } from "../core/progress.ts";
import type { Broker } from "./broker.ts";

/** What is told of a job as it happens. An event can be lost, so whoever waits also looks. */
export type JobEvent =
  | { type: "progress"; progress: Progress }
  | { type: "completed"; output: unknown }
  /** `failed` is also told before a next attempt, and `removed` when the job is gone: look. */
  | { type: "changed" };

/** Tells the events of single jobs over one connection a queue, opened at the first wish. */
export interface JobEvents {
  /** Resolves when events of the job, from now on, reach the listener; the result stops it. */
  listen(queue: string, id: string, listener: (event: JobEvent) => void): Promise<() => void>;
  close(): Promise<void>;
}

/** How long after a failed try the connection for events is opened again, in milliseconds. */
const reopenInterval = 250;

export function createJobEvents(broker: Broker, onError: (error: Error) => void): JobEvents {
  const streams = new Map<string, Promise<QueueEvents>>();
  let closed = false;
  const listeners = new Map<string, Set<(event: JobEvent) => void>>();

  function tell(queue: string, id: string, event: JobEvent): void {
    for (const listener of listeners.get(`${queue}:${id}`) ?? []) listener(event);
  }

  /** A Redis that goes away just now is waited for, as one that goes away later is. */
  async function openPatiently(queue: string): Promise<QueueEvents> {
    for (;;) {
      try {
        return await open(queue);
      } catch (error) {
        if (closed) throw error;
        onError(error as Error);
        await sleep(reopenInterval);
      }
    }
  }

  async function open(queue: string): Promise<QueueEvents> {
    // From the newest event there is, not from "$": what happens before the first blocking read would be missed.
    const [newest] = await broker.redis.xrevrange(
      `${broker.keys.prefix}:${queue}:events`,
      "+",
      "-",
      "COUNT",
      1,
    );
    const events = new QueueEvents(queue, {
      // A blocking read needs a connection of its own.
      connection: broker.duplicate(),
      prefix: broker.keys.prefix,
      autorun: false,
      lastEventId: newest?.[0] ?? "0",
    });
    events.on("error", onError);
    events.on("progress", ({ jobId, data }) =>
      tell(queue, jobId, { type: "progress", progress: toProgress(data) }),
    );
    events.on("completed", ({ jobId, returnvalue }) =>
      tell(queue, jobId, { type: "completed", output: returnvalue }),
    );
    for (const name of ["failed", "removed", "delayed", "stalled"] as const) {
      events.on(name, ({ jobId }: { jobId: string }) => tell(queue, jobId, { type: "changed" }));
    }
    try {
      await events.waitUntilReady();
    } catch (error) {
      await events.close().catch(() => {});
      throw error;
    }
    events.run().catch(onError);
    return events;
  }

  return {
    async listen(queue, id, listener) {
      const key = `${queue}:${id}`;
      const set = listeners.get(key) ?? new Set();
      listeners.set(key, set.add(listener));
      const stream = streams.get(queue) ?? openPatiently(queue);
      streams.set(queue, stream);
      await stream;
      return () => {
        set.delete(listener);
        if (set.size === 0 && listeners.get(key) === set) listeners.delete(key);
      };
    },
    async close() {
      closed = true;
      const opened = await Promise.allSettled(streams.values());
      streams.clear();
      await Promise.all(
        opened.map((result) => (result.status === "fulfilled" ? result.value.close() : undefined)),
      );
    },
  };
}
