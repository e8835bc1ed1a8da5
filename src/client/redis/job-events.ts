import { isEnded } from "../../core/states.ts";
import type { Broker } from "../../queue/broker.ts";
import { encodeCursor } from "../../queue/event-cursor.ts";
import { readFeed } from "../../queue/event-feed.ts";
import { type EventReader, newestPosition, streamOf } from "../../queue/event-reader.ts";
import type { JobChange, LiveEvent } from "../../queue/live-event.ts";
import { isOver, type JobSnapshot, readSnapshot } from "../../queue/snapshot.ts";
import { errorOf } from "../ending.ts";

/** How often who follows a job looks at it, in case an event was lost. Milliseconds. */
const lookInterval = 2000;

const lastTypes = new Set(["completed", "failed", "cancelled", "expired", "removed"]);

/** What happens to one job, from a cursor or from now on, to its end, which is told in any case. */
export async function* followJob(
  broker: Broker,
  reader: EventReader,
  job: { id: string; task: string; queue: string },
  since: string | undefined,
  over: AbortSignal,
): AsyncGenerator<LiveEvent, void, undefined> {
  const { id, task, queue } = job;
  const stream = streamOf(broker.keys, queue, id);
  let cursor = since ?? encodeCursor(new Map([[stream, await newestPosition(broker, stream)]]));
  const look = async () => {
    const snapshot = (await isOver(broker, queue, id)) ? await readSnapshot(broker, queue, id) : undefined;
    return snapshot && isEnded(snapshot.state) ? snapshot : undefined;
  };
  // What happens after this look is in the feed: it goes on from the cursor, which is older.
  const atFirst = await look();
  if (atFirst !== undefined && since === undefined) {
    yield endOf(atFirst, cursor);
    return;
  }
  const feed = readFeed(broker, reader, { queues: [queue], since: cursor, job: { id, task } }, over);
  try {
    let ended = atFirst;
    let next = feed.next();
    while (!over.aborted) {
      const told = await orTick(next);
      if (told === undefined) {
        // Its event had the time of a whole interval to come.
        if (ended !== undefined) return yield endOf(ended, cursor);
        ended = await look();
        continue;
      }
      if (told.done === true) return;
      yield told.value;
      if (lastTypes.has(told.value.type)) return;
      cursor = told.value.cursor;
      next = feed.next();
    }
  } finally {
    await feed.return();
  }
}

/** The answer, or undefined when it is time to look. */
async function orTick<T>(answer: Promise<T>): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, lookInterval, undefined).unref();
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The end of a job as an event, made from what is known of it. */
function endOf(snapshot: JobSnapshot, cursor: string): JobChange {
  const { id, task, queue, state } = snapshot;
  const happening = { id, task, queue, at: snapshot.endedAt ?? new Date(), cursor };
  if (state === "completed") return { ...happening, type: "completed", output: snapshot.output };
  const type = state === "cancelled" || state === "expired" ? state : "failed";
  const { code, message } = errorOf(snapshot);
  return { ...happening, type, error: { code, message } };
}
