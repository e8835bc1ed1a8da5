import { setTimeout as sleep } from "node:timers/promises";
import { describeError, LovageError } from "../core/errors.ts";
import { RayError } from "../ray-client-http/index.ts";
import { PostponeRequest } from "../task/postpone-request.ts";
import type { Breaker } from "./breaker.ts";

/** Waits with a cluster that does not answer: a head node that restarts is no reason to fail a job. */
export interface Patience {
  /** Milliseconds of silence after which it gives up. */
  timeout: number;
  signal: AbortSignal;
  /** Called when the cluster falls silent, and then every 10 s. */
  onSilence(reason: string, milliseconds: number): void;
  /** Called each time that the cluster said nothing, or refused. */
  onFault?(error: unknown): void;
  /** Hears what each call ended with. */
  breaker?: Breaker | undefined;
  /** Whether the call is put off while the breaker is open. Default: it goes on waiting, until the timeout. */
  postponable?: boolean;
  /** Whether a refused token is waited for as well: what runs already must not die of a token that was renewed. */
  unauthorizedToo?: boolean;
}

/**
 * Calls until the cluster answers. Only silence is waited for; an answer that is an error is thrown at once.
 * @param call is given the signal, to end a request that is under way
 * @throws LovageError `RAY_UNAVAILABLE` when it stayed silent too long; the signal's reason when aborted
 * @throws PostponeRequest when the call may be put off, and the breaker is open
 */
export async function withPatience<T>(
  patience: Patience,
  call: (options: { signal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const begun = Date.now();
  let told = 0;
  for (let pause = 250; ; pause = Math.min(pause * 1.7, 5000)) {
    patience.signal.throwIfAborted();
    if (patience.postponable === true) refuseWhileOpen(patience.breaker);
    try {
      const answer = await call({ signal: patience.signal });
      patience.breaker?.note();
      return answer;
    } catch (error) {
      patience.signal.throwIfAborted();
      if (error instanceof RayError) patience.breaker?.note(error);
      if (error instanceof RayError && error.code !== "RAY_NOT_FOUND") patience.onFault?.(error);
      const refused = error instanceof RayError && error.code === "RAY_UNAUTHORIZED";
      if (!isSilence(error) && !(refused && patience.unauthorizedToo === true)) throw error;
      const silent = Date.now() - begun;
      if (silent + pause > patience.timeout) {
        if (refused) throw error;
        throw new LovageError(
          "RAY_UNAVAILABLE",
          `the Ray cluster did not answer for ${Math.round(silent / 1000)} s`,
          {
            cause: error,
            hint: "check the cluster's address and its head node; the job may be tried again",
          },
        );
      }
      if (told === 0 || Date.now() - told > 10_000) {
        told = Date.now();
        patience.onSilence(describeError(error), silent);
      }
    }
    await pauseUnlessAborted(pause, patience.signal);
  }
}

/** @throws PostponeRequest unless Ray jobs may be begun on the cluster now */
function refuseWhileOpen(breaker: Breaker | undefined): void {
  if (breaker === undefined || breaker.state === "closed") return;
  throw new PostponeRequest(breaker.putOff(), whyDown(breaker.cluster));
}

export function whyDown(cluster: string): string {
  return `the Ray cluster ${cluster} is down`;
}

/** Sleeps, or throws the signal's own reason. */
export async function pauseUnlessAborted(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted());
}

/** Whether the cluster said nothing, as against an answer that is an error. */
export function isSilence(error: unknown): boolean {
  return error instanceof RayError && (error.code === "RAY_UNAVAILABLE" || error.code === "RAY_TIMEOUT");
}

/** The code of what a call to the cluster ended with. */
export function codeOf(error: unknown): string {
  return error instanceof RayError || error instanceof LovageError ? error.code : "UNEXPECTED";
}
