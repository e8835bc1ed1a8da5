import { setTimeout as sleep } from "node:timers/promises";
import { LovageError } from "../core/errors.ts";
import type { Logger } from "../observe/logger.ts";
import type { HeldJob } from "../queue/held-job.ts";
import type { ServedQueues } from "./served-queues.ts";

/** How often a stopping worker says what it still waits for, in milliseconds. */
const stillRunningInterval = 5000;

/** So many jobs are named then: those that run the longest. */
const mostNamed = 20;

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
  const drained = queues.drain();
  parts.onDraining();
  const done = new AbortController();
  const deadline = Date.now() + timeout;
  const watch = async () => {
    for (;;) {
      await sleep(Math.max(0, Math.min(stillRunningInterval, deadline - Date.now())), undefined, {
        signal: done.signal,
      });
      const left = deadline - Date.now();
      if (left <= 0) break;
      const seconds = Math.round(left / 1000);
      logger.info({ running: nameLongest(queues.held()), seconds }, "waiting for jobs to finish");
    }
    logger.warn(
      { running: nameLongest(queues.held()) },
      "the time to finish is over: the jobs are handed back",
    );
    parts.onDeadline();
  };
  const watching = watch().catch(() => {});
  const giveUp = sleep(timeout + handBackGrace, "late", { signal: done.signal });
  try {
    if ((await Promise.race([drained, giveUp])) === "late") throw notHandedBack(queues.held());
  } finally {
    giveUp.catch(() => {});
    done.abort();
    await watching;
  }
}

/** The running jobs as the log names them. */
function nameLongest(held: readonly HeldJob[]): unknown[] {
  const now = Date.now();
  const named = held
    .toSorted((a, b) => a.takenAt - b.takenAt)
    .slice(0, mostNamed)
    .map(({ id, task, queue, takenAt }) => {
      return { job: id, task, queue, seconds: Math.round((now - takenAt) / 1000) };
    });
  return held.length > mostNamed ? [...named, `and ${held.length - mostNamed} more`] : named;
}

function notHandedBack(running: readonly HeldJob[]): LovageError {
  return new LovageError("DEADLINE_EXCEEDED", `${running.length} jobs could not be handed back in time`, {
    value: running.map(({ id }) => id),
    hint: "another worker takes them over when their locks have run out",
  });
}
