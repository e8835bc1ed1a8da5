import { randomUUID } from "node:crypto";
import { endingOf } from "../../client/ending.ts";
import type { jobs } from "../../contract/jobs.ts";
import { toMilliseconds } from "../../core/durations.ts";
import { isEnded } from "../../core/states.ts";
import { findQueue } from "../../queue/broker.ts";
import type { EnqueueOptions } from "../../queue/enqueue-options.ts";
import { readLog } from "../../queue/log.ts";
import type { DashboardParts } from "../parts.ts";
import { endOf } from "./ending.ts";
import { given, type Handlers, Pending } from "./operation-types.ts";
import { requireCall, requireComposition, requireContinuations } from "./permissions.ts";

type JobHandlers = Handlers<
  Exclude<keyof typeof jobs, "followLogs" | "followProgress" | "followJob" | "followEvents">
>;

/** Jobs, one by one and many at once. */
export function jobHandlers({ client, broker }: DashboardParts): JobHandlers {
  return {
    async enqueue({ body, headers, caller, header }) {
      requireCall(caller, body);
      const { options, fresh } = withKey(body.options, headers["idempotency-key"]);
      const job = await client.enqueue(body.task, body.input, options);
      tellPlace(header, job.id, fresh);
      return job;
    },
    async enqueueMany({ body, caller }) {
      for (const call of body.calls) requireCall(caller, call);
      const jobs = await client.enqueueMany(given(body.calls) as Parameters<typeof client.enqueueMany>[0]);
      return { jobs };
    },
    async start({ body, headers, caller, header }) {
      requireComposition(caller, body.composition);
      requireContinuations(caller, body.options);
      const { options, fresh } = withKey(body.options, headers["idempotency-key"]);
      const job = await client.start(body.composition, options);
      tellPlace(header, job.id, fresh);
      return job;
    },
    async search({ query: { limit, cursor, state, task, ...query } }) {
      const asked = { ...query, ...(state && { states: state }), ...(task && { tasks: task }) };
      return client.search(given(asked), given({ limit, cursor }));
    },
    async getJob({ params, query }) {
      return (await client.get(params.id, given(query))).snapshot();
    },
    async getResult({ params, query: { timeout, ...place }, signal }) {
      const job = await client.get(params.id, given(place));
      let snapshot = await job.snapshot();
      if (!isEnded(snapshot.state) && timeout !== undefined) {
        await endOf(job, toMilliseconds(timeout), signal);
        snapshot = await job.snapshot();
      }
      const { state } = snapshot;
      const ending = endingOf(snapshot);
      if (ending === undefined) return new Pending({ state });
      return { state, ...ending };
    },
    async getLogs({ params: { id }, query: { queue, from } }) {
      const job = await client.get(id, given({ queue }));
      return readLog(broker, job.queue, id, from);
    },
    async cancelJob({ params: { id }, body }) {
      return { outcome: await client.control.cancel(id, given(body)) };
    },
    cancelJobs: ({ body: { filter, options } }) => client.control.cancelMany(given(filter), given(options)),
    async forgetJob({ params: { id }, query, caller }) {
      caller.requireFinal();
      await client.forget(id, given(query));
    },
    async replayJob({ params: { id }, body, caller, header }) {
      const { queue = await findQueue(broker, id), ...asked } = body;
      // Without another input it is what somebody was allowed to enqueue already.
      if ("input" in body) caller.requireTask((await client.get(id, { queue })).task);
      requireContinuations(caller, asked.options);
      const job = await client.deadLetters.replay(id, { queue, ...given(asked) } as Parameters<
        typeof client.deadLetters.replay
      >[1]);
      tellPlace(header, job.id);
      return job;
    },
    getWorkflow: ({ params: { id }, query }) => client.workflow(id, given(query)),
  };
}

/** The id is chosen here, so that a job of another id is known to be an earlier one. */
function withKey(
  asked: object | undefined,
  idempotencyKey: string | undefined,
): { options: EnqueueOptions; fresh?: string } {
  const options: EnqueueOptions = { ...asked, ...(idempotencyKey !== undefined && { idempotencyKey }) };
  if (options.id !== undefined || options.idempotencyKey === undefined) return { options };
  const fresh = randomUUID();
  return { options: { ...options, id: fresh }, fresh };
}

function tellPlace(header: (name: string, value: string) => void, id: string, fresh?: string): void {
  header("Location", `/api/v1/jobs/${encodeURIComponent(id)}`);
  if (fresh !== undefined && fresh !== id) header("Idempotent-Replayed", "true");
}
