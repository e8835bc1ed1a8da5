import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../observe/logger.ts";
import { createLagWatch, lookInterval } from "../process/event-loop.ts";
import type { HistoryRecorder } from "../queue/history-recorder.ts";
import { beatInterval, type Registration, type WorkerBeat } from "../queue/registry.ts";
import type { ServedQueues } from "./served-queues.ts";
import type { Tally } from "./tally.ts";

/** Keeps a worker in the registry. */
export interface Heartbeat {
  readonly startedAt: number;
  /** How late the event loop was at most within the last ten seconds, in milliseconds. */
  lag(): number;
  /** What it says of itself at this moment. */
  status(): WorkerBeat;
  /** Registers the worker; from now on it beats. */
  start(): Promise<void>;
  /** Says that the worker takes no more jobs; it goes on beating. */
  stopping(): void;
  /** Takes the worker out of the registry. */
  stop(): Promise<void>;
}

/** How long a stopping worker waits for Redis to take its name out, in milliseconds. */
const leaveTimeout = 2000;

export function createHeartbeat(parts: {
  registration: Registration;
  queues: ServedQueues;
  tally: Tally;
  /** What it counted goes to Redis with each beat. */
  history: HistoryRecorder;
  version: string;
  /** The Ray clusters that the worker knows, and whether each is taken for up. */
  rayClusters(): WorkerBeat["rayClusters"];
  logger: Logger;
  /** Told when the worker's name is another than before. */
  onName(name: string): void;
  onError(error: Error): void;
}): Heartbeat {
  const { registration, queues, tally, history, version, logger } = parts;
  const host = hostname();
  const startedAt = Date.now();
  const watch = createLagWatch(look);
  let sinceBeat = 0;
  let started = false;
  let stopping = false;
  let beating: Promise<void> | undefined;

  function status(): WorkerBeat {
    return {
      host,
      pid: process.pid,
      version,
      at: Date.now(),
      startedAt,
      queues: queues.status(),
      completed: tally.completed,
      failed: tally.failed,
      retried: tally.retry,
      lag: watch.lag(),
      rss: process.memoryUsage.rss(),
      stopping,
      rayClusters: parts.rayClusters(),
    };
  }

  async function beat(): Promise<void> {
    const wanted = registration.name;
    if (await registration.beat(status())) tellName(wanted);
    await history.flush(registration.clockOffset);
  }

  function tellName(wanted: string): void {
    logger.warn(
      { wanted, name: registration.name },
      "another live worker has this worker's name; it goes by another. Give each its own: --name or WORKER_NAME",
    );
    parts.onName(registration.name);
  }

  /** While Redis is away one beat waits for it; more would only queue up. */
  function beatOnce(): void {
    beating ??= beat()
      .catch(parts.onError)
      .finally(() => {
        beating = undefined;
      });
  }

  function look(): void {
    sinceBeat += lookInterval;
    if (sinceBeat < beatInterval) return;
    sinceBeat = 0;
    beatOnce();
  }

  return {
    startedAt,
    lag: watch.lag,
    status,
    async start() {
      await beat();
      watch.start();
      started = true;
    },
    stopping() {
      stopping = true;
      if (started) beatOnce();
    },
    async stop() {
      watch.stop();
      const left = Promise.resolve(beating)
        .then(() => history.flush(registration.clockOffset))
        .catch(parts.onError)
        .then(() => registration.leave());
      // A Redis that went away must not keep the process; the registry then finds out by itself.
      await Promise.race([left, sleep(leaveTimeout, undefined, { ref: false })]);
    },
  };
}
