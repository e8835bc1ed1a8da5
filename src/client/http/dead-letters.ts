import { operations } from "../../contract/index.ts";
import type { Duration } from "../../core/durations.ts";
import type { DeadLetterFilter } from "../../queue/dead-letters.ts";
import type { JobSnapshot } from "../../queue/snapshot.ts";
import type { QueueName } from "../../task/definition.ts";
import type { PlacedJob } from "../backend.ts";
import type { AskedReplay, DeadLetterAccess, DeadLetterPage } from "../dead-letters.ts";
import { checkCallOptions, toWireOptions } from "./call-options.ts";
import type { Transport } from "./transport.ts";

/** How many dead letters a walk reads at once. */
const page = 100;

export function createDeadLetterAccess({ call }: Transport): DeadLetterAccess {
  async function list({
    queue,
    task,
    code,
    tag,
    states,
    since,
    until,
    limit,
    cursor,
  }: DeadLetterFilter & { limit?: number; cursor?: string } = {}): Promise<DeadLetterPage> {
    const bounds = { since: toAgo(since), until: toAgo(until) };
    const query = { queue, task, code, tag, states: states && [...states], ...bounds, limit, cursor };
    const { jobs, cursor: next } = await call(operations.listDeadLetters, { query });
    return { jobs: jobs as JobSnapshot[], cursor: next ?? undefined };
  }

  async function replay(
    id: string,
    queue: string | undefined,
    { options, ...asked }: AskedReplay,
  ): Promise<PlacedJob> {
    // The task is the dead job's own, and its name is in none of what is checked here.
    if (options !== undefined) checkCallOptions("", options);
    const body = {
      ...asked,
      queue: queue as QueueName | undefined,
      options: options && toWireOptions(options),
    };
    // The same call gives the same job, unless it asks for another one.
    return call(operations.replayJob, { params: { id }, body }, { repeatable: asked.again !== true });
  }

  return {
    list,
    get: async (id, { queue } = {}) =>
      (await call(operations.getDeadLetter, {
        params: { id },
        query: { queue: queue as QueueName },
      })) as JobSnapshot,
    replay,
    replayRead: ({ id, queue }, asked) => replay(id, queue, asked),
    async *walk(filter) {
      let cursor: string | undefined;
      do {
        const part = await list({ ...filter, limit: page, ...(cursor !== undefined && { cursor }) });
        yield* part.jobs;
        cursor = part.cursor;
      } while (cursor !== undefined);
    },
    discard: (id, { queue } = {}) =>
      call(operations.discardDeadLetter, { params: { id }, query: { queue: queue as QueueName } }),
  };
}

/** A query's durations are texts. */
function toAgo(moment: Date | Duration | undefined): Date | string | undefined {
  return typeof moment === "number" ? `${moment / 1000}s` : moment;
}
