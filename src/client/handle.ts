import { setTimeout as sleep } from "node:timers/promises";
import { type Duration, toMilliseconds } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import type { Progress } from "../core/progress.ts";
import { isEnded, type JobState } from "../core/states.ts";
import type { Broker } from "../queue/broker.ts";
import { cancelJob } from "../queue/cancellation.ts";
import type { EventReader } from "../queue/event-reader.ts";
import type { JobEvent, JobEvents } from "../queue/events.ts";
import type { EventCursor, LiveEvent } from "../queue/live-event.ts";
import { readLog } from "../queue/log.ts";
import { forgetJob } from "../queue/removal.ts";
import { isOver, type JobSnapshot, readSnapshot } from "../queue/snapshot.ts";
import { type Ending, endingOf } from "./ending.ts";
import { endable } from "./iteration.ts";
import { followJob } from "./job-events.ts";

/** One job, as its caller holds it. */
export interface JobHandle<Output = unknown> {
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  /** @throws LovageError `JOB_NOT_FOUND` */
  state(): Promise<JobState>;
  /** All that is known of the job now. */
  snapshot(): Promise<JobSnapshot>;
  /** Progress as it comes, the present one first; ends when the job does. */
  progress(): AsyncIterableIterator<Progress>;
  /**
   * What happens to the job from now on (or from an event's `cursor` on), and then its end, which ends the iteration
   * too; of a job that has ended already that alone. Survives a restart of Redis.
   * @throws LovageError `JOB_NOT_FOUND`
   */
  events(options?: { since?: EventCursor }): AsyncIterableIterator<LiveEvent>;
  /** Lines of the job's log: those there are, or with `follow` also those that come until the job ends. */
  logs(options?: { follow?: boolean }): AsyncIterableIterator<string>;
  /**
   * Waits for the job's end, told by an event or found by a look every 2 s. Of a job with `ignoreResult` it is undefined.
   * @param options.timeout how long at most; default "1h"
   * @throws LovageError the job's own error when it failed, was cancelled or expired; `WAIT_TIMEOUT` when it is not
   * done in time (it goes on); `JOB_NOT_FOUND`
   */
  result(options?: { timeout?: Duration }): Promise<Output>;
  /** Cancels the job, waiting or running; a Ray job is stopped on the cluster. */
  cancel(reason?: string): Promise<"cancelled" | "cancelling" | "ended">;
  /**
   * Removes the ended job with its result and log before retention does.
   * @throws LovageError `JOB_NOT_ENDED`, `JOB_NOT_FOUND`
   */
  forget(): Promise<void>;
}

/** Node takes a longer timer for one of 1 ms. */
const longestTimer = 2 ** 31 - 1;

/** How often a waiting caller looks, in case an event was lost. Milliseconds. */
const lookInterval = 2000;

/** How much later than its deadline a wait ends when its last look is not answered, in milliseconds. */
const lookGrace = 500;

/** What a handle works with. */
export interface HandleParts {
  broker: Broker;
  events: JobEvents;
  reader: EventReader;
  /** @throws LovageError `REDIS_UNAVAILABLE` when the answer does not come within the client's timeout */
  inTime<T>(answer: Promise<T>): Promise<T>;
}

export function createHandle<Output>(
  { broker, events, reader, inTime }: HandleParts,
  job: { id: string; task: string; queue: string },
): JobHandle<Output> {
  const { id, queue } = job;
  const look = () => readSnapshot(broker, queue, id);

  /** Events and looks as one stream of "something may have changed"; ends by the consumer's return. */
  async function* changes(): AsyncGenerator<JobEvent> {
    const waiting: JobEvent[] = [];
    let wake: () => void = () => {};
    const stop = await events.listen(queue, id, (event) => {
      waiting.push(event);
      wake();
    });
    try {
      yield { type: "changed" };
      for (;;) {
        if (waiting.length === 0) {
          const { promise, resolve } = Promise.withResolvers<void>();
          wake = resolve;
          // The connection keeps the process alive while somebody waits; a wait that was given up must not.
          const timer = setTimeout(resolve, lookInterval).unref();
          await promise;
          clearTimeout(timer);
        }
        if (waiting.length === 0) yield { type: "changed" };
        for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) yield event;
      }
    } finally {
      stop();
    }
  }

  /** Waits for the job's end, told by an event or found by a look; with a Redis that is away it goes on waiting. */
  async function untilEnded(signal: AbortSignal): Promise<Ending> {
    const { promise, resolve, reject } = Promise.withResolvers<Ending>();
    const check = async () => {
      if (!(await isOver(broker, queue, id))) return;
      const ending = endingOf(await look());
      if (ending !== undefined) resolve(ending);
    };
    const checkOrFail = () => void check().catch(reject);
    const stop = await events.listen(queue, id, (event) => {
      // The event of a result that is ignored looks like that of null.
      if (event.type === "completed" && event.output !== null) resolve({ output: event.output });
      else if (event.type !== "progress") checkOrFail();
    });
    const timer = setInterval(checkOrFail, lookInterval).unref();
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    try {
      signal.throwIfAborted();
      checkOrFail();
      return await promise;
    } finally {
      clearInterval(timer);
      stop();
    }
  }

  /** What there is when the caller's time is over. @throws LovageError `WAIT_TIMEOUT` */
  async function lastLook(timeout: Duration, milliseconds: number): Promise<Ending> {
    const snapshot = await Promise.race([look(), sleep(lookGrace, undefined, { ref: false })]);
    const ending = snapshot && endingOf(snapshot);
    if (ending !== undefined) return ending;
    const is = snapshot?.state ?? "in a state that Redis did not tell";
    throw new LovageError("WAIT_TIMEOUT", `job ${id} is ${is} after ${milliseconds} ms; it goes on`, {
      field: "timeout",
      value: timeout,
      hint: "wait again with client.get(id), or cancel it",
    });
  }

  return {
    ...job,
    snapshot: () => inTime(look()),
    state: async () => (await inTime(look())).state,
    async *progress() {
      let last = "";
      for await (const event of changes()) {
        const snapshot = event.type === "progress" ? undefined : await look();
        const progress = event.type === "progress" ? event.progress : snapshot?.progress;
        const text = JSON.stringify(progress);
        if (progress !== undefined && text !== last) {
          last = text;
          yield progress;
        }
        if (event.type === "completed" || (snapshot !== undefined && isEnded(snapshot.state))) return;
      }
    },
    events: ({ since } = {}) => endable((over) => followJob(broker, reader, job, since, over)),
    async *logs({ follow = false } = {}) {
      if (!follow) {
        await inTime(look());
        yield* (await inTime(readLog(broker, queue, id))).lines;
        return;
      }
      let from = 0;
      for await (const _change of changes()) {
        // The state is read before the log: what was written until the end is then in the log that is read after.
        const { state } = await look();
        const part = await readLog(broker, queue, id, from);
        from = part.next;
        yield* part.lines;
        if (isEnded(state)) return;
      }
    },
    async result({ timeout = "1h" } = {}) {
      const milliseconds = toMilliseconds(timeout, "timeout");
      // A Redis that is away keeps every look waiting; the caller's own deadline does not wait for that.
      const over = new AbortController();
      const { promise: tooLate, resolve: giveUp } = Promise.withResolvers<undefined>();
      const timer = setTimeout(giveUp, Math.min(milliseconds, longestTimer), undefined).unref();
      try {
        const told = await Promise.race([untilEnded(over.signal), tooLate]);
        const ended = told ?? (await lastLook(timeout, milliseconds));
        if ("error" in ended) throw LovageError.fromRecord(ended.error);
        return ended.output as Output;
      } finally {
        clearTimeout(timer);
        // A reason of its own: by default each would be an exception with a stack.
        over.abort("over");
      }
    },
    forget: () => inTime(forgetJob(broker, { queue, id })),
    cancel: (reason = "cancelled by the caller") => inTime(cancelJob(broker, { queue, id }, reason)),
  };
}
