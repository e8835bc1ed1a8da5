import { LovageError } from "../core/errors.ts";
import type { Broker } from "../queue/broker.ts";
import { addJobs, prepareJob } from "../queue/producer.ts";
import type { Catalogue } from "../task/catalogue.ts";
import { type CallMeta, type Continuation, decodeCall } from "../task/codec.ts";
import type { Delivery } from "../task/execute.ts";

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
    continuation: Continuation,
    result: unknown,
    suffix: "success" | "failure",
    { headers }: CallMeta,
  ): Promise<void> {
    const { task: name, input: given, into } = continuation;
    const input =
      into !== undefined ? { ...(given as object | undefined), [into]: result } : (given ?? result);
    const job = prepareJob(targetOf(name, before.queue), input, {}, `${before.id}~${suffix}`);
    if (headers !== undefined) job.data.meta.headers = headers;
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
    async succeeded(before: Before, meta: CallMeta, output: unknown): Promise<void> {
      if (meta.onSuccess !== undefined) await callNext(before, meta.onSuccess, output, "success", meta);
    },
    async failed(before: Before, error: Pick<LovageError, "code" | "message">): Promise<void> {
      const meta = metaOf(before.data);
      if (meta?.onFailure === undefined) return;
      const { id, task, queue } = before;
      const failure = { id, task, queue, error: { code: error.code, message: error.message } };
      await callNext(before, meta.onFailure, failure, "failure", meta);
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
