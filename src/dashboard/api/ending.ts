import type { JobHandle } from "../../client/index.ts";

const last = new Set(["completed", "failed", "cancelled", "expired", "removed"]);

/** Waits for a job's end for so long at most, or until the caller is gone. */
export async function endOf(job: JobHandle, milliseconds: number, signal: AbortSignal): Promise<void> {
  const events = job.events();
  const stop = () => void events.return?.();
  const timer = setTimeout(stop, milliseconds);
  signal.addEventListener("abort", stop, { once: true });
  try {
    // Who is gone already is not heard of again.
    if (signal.aborted) return;
    for await (const { type } of events) if (last.has(type)) return;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    stop();
  }
}
