import { isEnded } from "../../core/states.ts";
import type { Broker } from "../../queue/broker.ts";
import { cancelJob } from "../../queue/cancellation.ts";
import type { JobEvent, JobEvents } from "../../queue/events.ts";
import { readLog } from "../../queue/log.ts";
import { forgetJob } from "../../queue/removal.ts";
import { isOver, readSnapshot } from "../../queue/snapshot.ts";
import type { JobAccess, PlacedJob } from "../backend.ts";
import { type Ending, endingOf } from "../ending.ts";
import type { Connection } from "./connection.ts";
import { followJob } from "./job-events.ts";

/** How often a waiting caller looks, in case an event was lost. Milliseconds. */
const lookInterval = 2000;

/** What handles do with their jobs, over Redis. */
export function createJobAccess({ bounded, parts }: Connection): JobAccess {
  return {
    snapshot: ({ queue, id }) => bounded(({ broker }) => readSnapshot(broker, queue, id)),
    async *progress(job, over) {
      const { broker, events } = await parts();
      let last = "";
      for await (const event of changesOf(events, job, over)) {
        const snapshot =
          event.type === "progress" ? undefined : await readSnapshot(broker, job.queue, job.id);
        const progress = event.type === "progress" ? event.progress : snapshot?.progress;
        const text = JSON.stringify(progress);
        if (progress !== undefined && text !== last) {
          last = text;
          yield progress;
        }
        if (event.type === "completed" || (snapshot !== undefined && isEnded(snapshot.state))) return;
      }
    },
    async *events(job, since, over) {
      const { broker, reader } = await parts();
      yield* followJob(broker, reader, job, since, over);
    },
    async *logs(job, follow, over) {
      const { broker, events, inTime } = await parts();
      const { queue, id } = job;
      if (!follow) {
        await inTime(readSnapshot(broker, queue, id));
        yield* (await inTime(readLog(broker, queue, id))).lines;
        return;
      }
      let from = 0;
      for await (const _change of changesOf(events, job, over)) {
        // The state is read before the log: what was written until the end is then in the log that is read after.
        const { state } = await readSnapshot(broker, queue, id);
        const part = await readLog(broker, queue, id, from);
        from = part.next;
        yield* part.lines;
        if (isEnded(state)) return;
      }
    },
    async ended(job, _within, over) {
      const { broker, events } = await parts();
      return untilEnded(broker, events, job, over);
    },
    forget: ({ queue, id }) => bounded(({ broker }) => forgetJob(broker, { queue, id })),
    cancel: ({ queue, id }, reason) => bounded(({ broker }) => cancelJob(broker, { queue, id }, reason)),
  };
}

/** Events and looks as one stream of "something may have changed"; ends by the consumer's return. */
async function* changesOf(
  events: JobEvents,
  { queue, id }: PlacedJob,
  over: AbortSignal,
): AsyncGenerator<JobEvent> {
  const waiting: JobEvent[] = [];
  let wake: () => void = () => {};
  const stop = await events.listen(queue, id, (event) => {
    waiting.push(event);
    wake();
  });
  over.addEventListener("abort", () => wake(), { once: true });
  try {
    yield { type: "changed" };
    while (!over.aborted) {
      if (waiting.length === 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        // The connection keeps the process alive while somebody waits; a wait that was given up must not.
        const timer = setTimeout(resolve, lookInterval).unref();
        await promise;
        clearTimeout(timer);
      }
      if (waiting.length === 0 && !over.aborted) yield { type: "changed" };
      for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) yield event;
    }
  } finally {
    stop();
  }
}

/** Waits for the job's end, told by an event or found by a look; with a Redis that is away it goes on waiting. */
async function untilEnded(
  broker: Broker,
  events: JobEvents,
  { queue, id }: PlacedJob,
  over: AbortSignal,
): Promise<Ending> {
  const { promise, resolve, reject } = Promise.withResolvers<Ending>();
  const check = async () => {
    if (!(await isOver(broker, queue, id))) return;
    const ending = endingOf(await readSnapshot(broker, queue, id));
    if (ending !== undefined) resolve(ending);
  };
  const checkOrFail = () => void check().catch(reject);
  const stop = await events.listen(queue, id, (event) => {
    // The event of a result that is ignored looks like that of null.
    if (event.type === "completed" && event.output !== null) resolve({ output: event.output });
    else if (event.type !== "progress") checkOrFail();
  });
  const timer = setInterval(checkOrFail, lookInterval).unref();
  over.addEventListener("abort", () => reject(over.reason), { once: true });
  try {
    over.throwIfAborted();
    checkOrFail();
    return await promise;
  } finally {
    clearInterval(timer);
    stop();
  }
}
