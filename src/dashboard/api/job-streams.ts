import { setTimeout as sleep } from "node:timers/promises";
import type { JobHandle } from "../../client/index.ts";
import type { Progress } from "../../core/progress.ts";
import { isEnded, type JobState } from "../../core/states.ts";
import type { Broker } from "../../queue/broker.ts";
import { decodeCursor, presentCursor } from "../../queue/event-cursor.ts";
import type { LiveEvent } from "../../queue/live-event.ts";
import { readLog } from "../../queue/log.ts";
import { queueNames } from "../../task/queue-names.ts";
import type { DashboardParts } from "../parts.ts";
import { given, type Handlers } from "./operation-types.ts";

/** How often a log is looked at, in milliseconds: lines have no events of their own. */
const logInterval = 500;

/** What is followed live; see the contract for where each stream goes on after a cut. */
export function jobStreamHandlers({
  client,
  broker,
}: DashboardParts): Handlers<"followLogs" | "followProgress" | "followJob" | "followEvents"> {
  return {
    async followLogs({ params: { id }, query: { queue, from = 0 }, headers, signal }) {
      const job = await client.get(id, given({ queue }));
      const after = /^\d{1,15}$/.exec(headers["last-event-id"] ?? "")?.[0];
      return followLog(broker, job, after === undefined ? from : Number(after) + 1, signal);
    },
    async followProgress({ params: { id }, query, headers }) {
      const job = await client.get(id, given(query));
      return progressOf(job, sinceOf(headers));
    },
    async followJob({ params: { id }, query: { queue, since }, headers }) {
      const job = await client.get(id, given({ queue }));
      const begin = sinceOf(headers) ?? checked(since);
      const present = begin ?? (await presentCursor(broker, [job.queue]));
      return withCursors(present, job.events(given({ since: begin })));
    },
    async followEvents({ query: { queues, since }, headers }) {
      const begin = sinceOf(headers) ?? checked(since) ?? (await presentCursor(broker, queues ?? queueNames));
      return withCursors(begin, client.events(given({ queues, since: begin })));
    },
  };
}

/** A browser that was cut off knows better than the address it began with. */
function sinceOf(headers: { "last-event-id"?: string | undefined }): string | undefined {
  return checked(headers["last-event-id"] || undefined);
}

/** Refuses a cursor that is none before the stream begins. @throws LovageError `INPUT_INVALID` */
function checked(cursor: string | undefined): string | undefined {
  if (cursor !== undefined) decodeCursor(cursor);
  return cursor;
}

/** The first is told alone and at once: who is cut off before anything happened would not know where to go on. */
function withCursors(begin: string, events: AsyncIterableIterator<LiveEvent>) {
  return mapped(begin, events, (event) => ({ id: event.cursor, data: event }));
}

/** Can be ended while it waits, which an async generator cannot. */
function mapped<T, U>(
  begin: string,
  source: AsyncIterableIterator<T>,
  map: (value: T) => U,
): AsyncIterable<{ id: string } | U> {
  let begun = false;
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        if (!begun) {
          begun = true;
          return { done: false, value: { id: begin } };
        }
        const next = await source.next();
        return next.done === true ? next : { done: false, value: map(next.value) };
      },
      async return() {
        await source.return?.();
        return { done: true, value: undefined };
      },
    }),
  };
}

interface End {
  event: "end";
  data: { state: JobState };
}

async function* followLog(
  broker: Broker,
  job: JobHandle,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<{ id: string; data: { line: string } } | End> {
  for (let next = from; !signal.aborted; ) {
    // The state is read before the log: what was written until the end is then in the log that is read after.
    const state = await job.state();
    const part = await readLog(broker, job.queue, job.id, next);
    for (const [index, line] of part.lines.entries()) yield { id: String(part.from + index), data: { line } };
    next = part.next;
    if (isEnded(state)) return yield { event: "end", data: { state } };
    await sleep(logInterval, undefined, { signal }).catch(() => {});
  }
}

/** The present progress first, then what comes, and how the job ended. */
function progressOf(job: JobHandle, since: string | undefined) {
  const events = job.events(given({ since }));
  const told = (async function* (): AsyncGenerator<{ id?: string; data: Progress } | End, void> {
    // Asked for first: what happens while the job is looked at is then not missed.
    let next = events.next();
    const { progress } = await job.snapshot();
    if (progress !== undefined) yield { data: progress };
    for (;;) {
      const { done, value: event } = await next;
      if (done === true) return;
      if (event.type === "progress") yield { id: event.cursor, data: event.progress };
      else if (isEnd(event.type)) return yield { event: "end", data: { state: event.type } };
      next = events.next();
    }
  })();
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => told.next(),
      async return() {
        await events.return?.();
        return told.return(undefined);
      },
    }),
  };
}

function isEnd(type: LiveEvent["type"]): type is "completed" | "failed" | "cancelled" | "expired" {
  return type === "completed" || type === "failed" || type === "cancelled" || type === "expired";
}
