import { LovageError } from "../core/errors.ts";
import type { Call } from "./codec.ts";
import { type Hooks, type OnHookFault, type OutgoingCall, tell } from "./hooks.ts";

/** A job ready for Redis, as far as hooks care. */
export interface OutgoingJob {
  readonly name: string;
  readonly queue: string;
  readonly data: Call;
}

/** What every call of a client or a worker passes on its way. */
export interface EnqueueGate {
  /** Puts the hooks' headers into the jobs. @throws whatever a hook throws; LovageError `INPUT_INVALID` for its headers */
  before(jobs: readonly OutgoingJob[]): Promise<void>;
  /** Never rejects. `placed` are the jobs that the calls became, in order. */
  after(
    jobs: readonly OutgoingJob[],
    placed: readonly { readonly id: string; readonly queue: string }[],
  ): Promise<void>;
}

/** The largest headers of a call, in bytes: they lie in Redis with every job. */
export const maxHeaderBytes = 8 * 1024;

/** The gate of some hooks; undefined when none of them has to do with enqueuing, so that calls need not pass one. */
export function createEnqueueGate(hooks: readonly Hooks[], onFault: OnHookFault): EnqueueGate | undefined {
  const asked = hooks.filter((set) => set.beforeEnqueue !== undefined || set.afterEnqueue !== undefined);
  if (asked.length === 0) return undefined;
  return {
    async before(jobs) {
      for (const job of jobs) {
        const call = outgoing(job);
        for (const set of asked) await set.beforeEnqueue?.(call);
        const headers = checked(call.headers, job.name);
        if (Object.keys(headers).length > 0) job.data.meta.headers = headers;
      }
    },
    async after(jobs, placed) {
      for (const [index, { id, queue }] of placed.entries()) {
        const job = jobs[index];
        if (job === undefined) continue;
        await tell(asked, "afterEnqueue", (hook) => hook(outgoing(job), { id, queue }), onFault);
      }
    },
  };
}

function outgoing({ name, queue, data }: OutgoingJob): OutgoingCall {
  const { tags = [], metadata = {}, headers = {} } = data.meta;
  return { task: name, queue, input: data.input, tags, metadata, headers: { ...headers } };
}

function checked(headers: Record<string, unknown>, task: string): Record<string, string> {
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === "string") continue;
    throw refused(`headers.${name}`, value, `a hook gave a call of ${task} a header that is no text`);
  }
  const size = new TextEncoder().encode(JSON.stringify(headers)).byteLength;
  if (size <= maxHeaderBytes) return headers as Record<string, string>;
  throw refused("headers", size, `hooks gave a call of ${task} ${size} bytes of headers`);
}

function refused(field: string, value: unknown, message: string): LovageError {
  const hint = `headers are texts of at most ${maxHeaderBytes} bytes in all; put more into the input`;
  return new LovageError("INPUT_INVALID", message, { field, value, hint });
}
