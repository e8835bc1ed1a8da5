import { setTimeout as delay } from "node:timers/promises";
import { RayError } from "./errors.ts";

export interface Call {
  method: string;
  path: string;
}

/** One signal for everything that may end a call early, which remembers what it was. */
export interface Deadline {
  signal: AbortSignal;
  /** The error that ended the call, if it was ended early. */
  error(): RayError | undefined;
  /** Waits; throws `error()` when the call is ended meanwhile. */
  sleep(ms: number): Promise<void>;
  /** Must be called: it lets go of the timer and of the caller's signal. */
  release(): void;
}

/** `ms` of Infinity means no limit. */
export function startDeadline(
  call: Call,
  ms: number,
  closing: AbortSignal,
  caller?: AbortSignal | undefined,
): Deadline {
  const controller = new AbortController();
  let error: RayError | undefined;
  const end = (reason: RayError) => {
    error ??= reason;
    controller.abort(error);
  };
  const name = `${call.method} ${call.path}`;
  const onTimeout = () =>
    end(new RayError("RAY_TIMEOUT", `${name} was not done within ${ms} ms`, { ...call }));
  const onAbort = () =>
    end(new RayError("RAY_ABORTED", `${name} was aborted by the caller`, { ...call, cause: caller?.reason }));
  const onClose = () => end(new RayError("RAY_ABORTED", `${name}: the client is closed`, { ...call }));
  // Node turns a delay beyond 2^31 - 1 into 1 ms.
  const timer = Number.isFinite(ms) ? setTimeout(onTimeout, Math.min(ms, 2_147_483_647)) : undefined;
  caller?.addEventListener("abort", onAbort, { once: true });
  closing.addEventListener("abort", onClose, { once: true });
  if (closing.aborted) onClose();
  else if (caller?.aborted) onAbort();
  return {
    signal: controller.signal,
    error: () => error,
    async sleep(pause) {
      try {
        await delay(pause, undefined, { signal: controller.signal });
      } catch (cause) {
        throw error ?? cause;
      }
    },
    release() {
      clearTimeout(timer);
      caller?.removeEventListener("abort", onAbort);
      closing.removeEventListener("abort", onClose);
    },
  };
}
