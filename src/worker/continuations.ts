import { LovageError } from "../core/errors.ts";
import type { Broker } from "../queue/broker.ts";
import { addJobs, prepareJob } from "../queue/producer.ts";
import type { Catalogue } from "../task/catalogue.ts";
import { type CallMeta, decodeCall } from "../task/codec.ts";
import { type ContinuedEnd, callAfter } from "../task/continuation.ts";
import type { Delivery } from "../task/execute.ts";
import { inheritHeaders } from "./outgoing.ts";

/** The job that another comes after. */
type Before = Pick<Delivery, "id" | "task" | "queue" | "data">;

export type Continuations = ReturnType<typeof createContinuations>;

/**
 * Enqueues what was to come after a job. The id is made from the job's, so that a job which is run again (its worker
 * died before it was noted as ended) has one follower only.
 */
export function createContinuations({ broker, catalogue }: { broker: Broker; catalogue: Catalogue }) {
  async function callNext(
    before: Before,
    meta: CallMeta,
    end: ContinuedEnd,
    suffix: "success" | "failure",
  ): Promise<void> {
    const next = callAfter(before, meta, end);
    if (next === undefined) return;
    const { task: name, input } = next;
    const job = prepareJob(targetOf(name, before.queue), input, {}, `${before.id}~${suffix}`);
    inheritHeaders([job], meta.headers);
    try {
      await addJobs(broker, [job]);
    } catch (error) {
      // Nothing is decided without it: the job is taken up again when its lock has run out.
      throw new LovageError("LOCK_LOST", `${name}, which comes next, could not be enqueued`, {
        cause: error,
      });
    }
  }

  /** A task that this worker does not know is enqueued all the same: it fails where an operator sees it. */
  function targetOf(name: string, queue: string) {
    try {
      return catalogue.get(name);
    } catch {
      return { name, queue, retry: { attempts: 1 } };
    }
  }

  return {
    succeeded: (before: Before, meta: CallMeta, output: unknown): Promise<void> =>
      callNext(before, meta, { output }, "success"),
    async failed(before: Before, error: Pick<LovageError, "code" | "message">): Promise<void> {
      const meta = metaOf(before.data);
      if (meta !== undefined) await callNext(before, meta, { error }, "failure");
    },
  };
}

function metaOf(data: unknown): CallMeta | undefined {
  try {
    return decodeCall(data).meta;
  } catch {
    // What is no call asks for nothing.
    return undefined;
  }
}
