import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../observe/logger.ts";
import type { HistoryRecorder } from "../queue/history-recorder.ts";
import { beatInterval, type Registration } from "../queue/registry.ts";
import type { ServedQueues } from "./served-queues.ts";
import type { Tally } from "./tally.ts";

/** Keeps a worker in the registry. */
export interface Heartbeat {
  readonly startedAt: number;
  /** How late the event loop was at most within the last ten seconds, in milliseconds. */
  lag(): number;
  /** Registers the worker; from now on it beats. */
  start(): Promise<void>;
  /** Says that the worker takes no more jobs; it goes on beating. */
  stopping(): void;
  /** Takes the worker out of the registry. */
  stop(): Promise<void>;
}

/** How often the lateness of the event loop is looked at, in milliseconds. */
const lookInterval = 500;

/** How long a stopping worker waits for Redis to take its name out, in milliseconds. */
const leaveTimeout = 2000;

/** How many looks the greatest lateness is remembered for. */
const looks = 20;

export function createHeartbeat(parts: {
  registration: Registration;
  queues: ServedQueues;
  tally: Tally;
  /** What it counted goes to Redis with each beat. */
  history: HistoryRecorder;
  version: string;
  logger: Logger;
  /** Told when the worker's name is another than before. */
  onName(name: string): void;
  onError(error: Error): void;
}): Heartbeat {
  const { registration, queues, tally, history, version, logger } = parts;
  const host = hostname();
  const startedAt = Date.now();
  const lags: number[] = [];
  let lastLook = 0;
  let sinceBeat = 0;
  let stopping = false;
  let timer: NodeJS.Timeout | undefined;
  let beating: Promise<void> | undefined;

  async function beat(): Promise<void> {
    const wanted = registration.name;
    const renamed = await registration.beat({
      host,
      pid: process.pid,
      version,
      at: Date.now(),
      startedAt,
      queues: queues.status(),
      completed: tally.completed,
      failed: tally.failed,
      retried: tally.retry,
      lag: lag(),
      rss: process.memoryUsage.rss(),
      stopping,
    });
    if (renamed) tellName(wanted);
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
    const now = performance.now();
    lags.push(Math.max(0, Math.round(now - lastLook - lookInterval)));
    if (lags.length > looks) lags.shift();
    lastLook = now;
    sinceBeat += lookInterval;
    if (sinceBeat < beatInterval) return;
    sinceBeat = 0;
    beatOnce();
  }

  function lag(): number {
    return Math.max(0, ...lags);
  }

  return {
    startedAt,
    lag,
    async start() {
      await beat();
      lastLook = performance.now();
      timer = setInterval(look, lookInterval).unref();
    },
    stopping() {
      stopping = true;
      if (timer !== undefined) beatOnce();
    },
    async stop() {
      clearInterval(timer);
      const left = Promise.resolve(beating)
        .then(() => history.flush(registration.clockOffset))
        .catch(parts.onError)
        .then(() => registration.leave());
      // A Redis that went away must not keep the process; the registry then finds out by itself.
      await Promise.race([left, sleep(leaveTimeout, undefined, { ref: false })]);
    },
  };
}
