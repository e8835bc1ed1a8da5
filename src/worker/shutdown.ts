import { setTimeout as sleep } from "node:timers/promises";
import { LovageError } from "../core/errors.ts";
import type { Logger } from "../observe/logger.ts";
import type { ServedQueues } from "./served-queues.ts";

/** How often a stopping worker says what it still waits for, in milliseconds. */
const stillRunningInterval = 2000;

/** How long the hand-back of the last jobs may take after the shutdown's deadline, in milliseconds. */
const handBackGrace = 5000;

export interface ShutdownParts {
  queues: ServedQueues;
  logger: Logger;
  /** Milliseconds the running jobs have to end by themselves. */
  timeout: number;
  /** Called once no more jobs are taken. */
  onDraining(): void;
  /** Called when the time is over: what still runs must be handed back. */
  onDeadline(): void;
}

/**
 * Takes no more jobs and waits for those that run.
 * @throws LovageError `DEADLINE_EXCEEDED` when jobs could not be handed back in time
 */
export async function drainQueues(parts: ShutdownParts): Promise<void> {
  const { queues, logger, timeout } = parts;
  const running = () => queues.held().map(({ id }) => id);
  const drained = queues.drain();
  parts.onDraining();
  const done = new AbortController();
  const deadline = Date.now() + timeout;
  const watch = async () => {
    while (Date.now() < deadline) {
      const pause = Math.min(stillRunningInterval, deadline - Date.now());
      await sleep(pause, undefined, { signal: done.signal });
      const seconds = Math.max(0, Math.round((deadline - Date.now()) / 1000));
      logger.info({ running: running(), seconds }, "waiting for jobs to finish");
    }
    parts.onDeadline();
  };
  const watching = watch().catch(() => {});
  const giveUp = sleep(timeout + handBackGrace, "late", { signal: done.signal });
  try {
    if ((await Promise.race([drained, giveUp])) === "late") throw notHandedBack(running());
  } finally {
    giveUp.catch(() => {});
    done.abort();
    await watching;
  }
}

function notHandedBack(running: readonly string[]): LovageError {
  return new LovageError("DEADLINE_EXCEEDED", `${running.length} jobs could not be handed back in time`, {
    value: running,
    hint: "another worker takes them over when their locks have run out",
  });
}
