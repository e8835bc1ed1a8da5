import { startDeadline } from "./deadline.ts";
import { RayError } from "./errors.ts";
import { isTerminal, jobPath, type RayJob } from "./jobs.ts";
import type { CallOptions } from "./options.ts";
import type { Transport } from "./transport.ts";

export interface WaitOptions {
  /** Ends the wait with `RAY_ABORTED`; the Ray job goes on. */
  signal?: AbortSignal | undefined;
  /** Milliseconds; then `RAY_TIMEOUT`, and the Ray job goes on. Default: no limit. */
  timeoutMs?: number | undefined;
  /** Milliseconds between two looks, growing from `min` (250) to `max` (5,000), from `min` again when the status changes. */
  pollMs?: { min?: number | undefined; max?: number | undefined } | undefined;
  /** How long Ray may be out of reach in one go before the wait gives up, in milliseconds. Default 60,000. */
  patienceMs?: number | undefined;
  /** Called with the first status and with each change. */
  onStatus?: ((job: RayJob) => void) | undefined;
}

/** Polls until the Ray job is terminal. */
export async function waitForEnd(
  transport: Transport,
  get: (id: string, options: CallOptions) => Promise<RayJob>,
  id: string,
  { signal, timeoutMs = Number.POSITIVE_INFINITY, pollMs, patienceMs = 60_000, onStatus }: WaitOptions = {},
): Promise<RayJob> {
  const min = Math.max(1, pollMs?.min ?? 250);
  const max = Math.max(min, pollMs?.max ?? 5_000);
  const path = transport.endpoint.prefix + jobPath(id);
  const deadline = startDeadline({ method: "GET", path }, timeoutMs, transport.closing, signal);
  let status: string | undefined;
  let pause = min;
  let lostSince: number | undefined;
  try {
    for (;;) {
      try {
        const job = await get(id, { signal: deadline.signal });
        lostSince = undefined;
        if (job.status !== status) {
          status = job.status;
          pause = min;
          onStatus?.(job);
        }
        if (isTerminal(job.status)) return job;
      } catch (error) {
        const ended = deadline.error();
        if (ended !== undefined) throw ended;
        if (!(error instanceof RayError) || !error.retryable) throw error;
        lostSince ??= performance.now();
        if (performance.now() - lostSince > patienceMs) throw error;
      }
      await deadline.sleep(pause);
      pause = Math.min(max, pause * 1.5);
    }
  } finally {
    deadline.release();
  }
}
