import { operations } from "../../contract/index.ts";
import { pause } from "../../core/timers.ts";
import type { JobSnapshot } from "../../queue/snapshot.ts";
import type { QueueName } from "../../task/definition.ts";
import type { JobAccess, PlacedJob } from "../backend.ts";
import { endingOf, type Told } from "../ending.ts";
import { isAway } from "./away.ts";
import type { Transport } from "./transport.ts";

/** How long the API is asked to wait for a job's end at once: below what proxies take for silence. Milliseconds. */
const longestPoll = 30_000;

/** How long to wait for an API that is away before it is asked again, in milliseconds. */
const awayPause = 1000;

/** What handles do with their jobs, over the HTTP API. */
export function createJobAccess({ call, stream, timeout }: Transport): JobAccess {
  return {
    snapshot: async (job) => (await call(operations.getJob, placeOf(job))) as JobSnapshot,
    async *progress(job, over) {
      let last = "";
      for await (const progress of stream(operations.followProgress, placeOf(job), over)) {
        // A stream that was cut begins again with the present progress.
        const text = JSON.stringify(progress);
        if (text !== last) yield progress;
        last = text;
      }
    },
    async *events(job, since, over) {
      const { params, query } = placeOf(job);
      for await (const event of stream(operations.followJob, { params, query: { ...query, since } }, over)) {
        yield event as never;
        // The stream ends with the job; without this it would be asked for again.
        if (lastTypes.has(event.type)) return;
      }
    },
    async *logs(job, follow, over) {
      const { params, query } = placeOf(job);
      const given = { params, query: { ...query, from: undefined } };
      if (!follow) yield* (await call(operations.getLogs, given)).lines;
      else for await (const { line } of stream(operations.followLogs, given, over)) yield line;
    },
    async ended(job, within, over) {
      const until = Date.now() + within;
      const { params, query } = placeOf(job);
      for (;;) {
        const poll = Math.max(0, Math.min(longestPoll, Math.floor(until - Date.now())));
        const given = { params, query: { ...query, timeout: String(poll) } };
        try {
          const result = await call(operations.getResult, given, { within: poll + timeout, over });
          const ending = endingOf({ id: job.id, output: undefined, error: undefined, ...result } as Told);
          if (ending !== undefined) return ending;
        } catch (error) {
          // Aborted, or an answer; an API that is away is waited for.
          if (over.aborted || !isAway(error)) throw error;
          await pause(awayPause, over);
        }
        if (over.aborted) throw over.reason;
      }
    },
    cancel: async ({ id, queue }, reason) => {
      const body = { reason, queue: queue as QueueName };
      return (await call(operations.cancelJob, { params: { id }, body }, { repeatable: true })).outcome;
    },
    forget: (job) => call(operations.forgetJob, placeOf(job)),
  };
}

const lastTypes = new Set<string>(["completed", "failed", "cancelled", "expired", "removed"]);

function placeOf({ id, queue }: PlacedJob) {
  return { params: { id }, query: { queue: queue as QueueName } };
}
