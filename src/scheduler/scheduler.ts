import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { createTask } from "node-cron";
import type { Logger } from "../observe/logger.ts";
import type { Service } from "../process/service.ts";
import type { Broker } from "../queue/broker.ts";
import { createFiringPump } from "../queue/firing-pump.ts";
import { createLease } from "../queue/lease.ts";
import { createSubscriber } from "../queue/subscriber.ts";
import type { Catalogue } from "../task/catalogue.ts";
import { createEnqueueGate } from "../task/enqueue-hooks.ts";
import type { EnqueueHooks } from "../task/hooks.ts";
import { fireDue } from "./clockwork.ts";
import { createLeadership } from "./leadership.ts";
import type { SchedulerObserver } from "./observer.ts";
import { declaredSchedules, reconcile } from "./reconcile.ts";
import { createUpkeep, type UpkeepParts } from "./upkeep.ts";
import { watchSchedules } from "./watchdog.ts";

export interface SchedulerOptions {
  broker: Broker;
  catalogue: Catalogue;
  logger: Logger;
  /** Milliseconds after which another takes over from a scheduler that fell silent. Default 10 s. */
  lease?: number;
  /** Milliseconds by which a time may be late and still be kept. Default 30 s. */
  punctual?: number;
  /** When Redis is compared with the declaration, and tidied up: a cron expression. Default: each minute. */
  minute?: string;
  observer?: SchedulerObserver;
  /** Around each call that is made; one that they refuse is not made. */
  hooks?: readonly EnqueueHooks[];
  /** What is done about Ray jobs whose jobs are over. Default: nothing. */
  ray?: UpkeepParts["ray"];
  /** Milliseconds that ended jobs are kept. Default: they are removed when others end. */
  retention?: UpkeepParts["retention"];
}

/** How long a stop waits for what is being done, in milliseconds. */
const stopTimeout = 5000;

/** How soon work that failed is tried again, in milliseconds. */
const retryDelay = 1000;

/**
 * Calls tasks at the times that their schedules say, and keeps Redis tidy. Any number may run: one acts.
 * @throws LovageError `TASK_INVALID` at once when a declared schedule's call cannot be made
 */
export function createScheduler(options: SchedulerOptions): Service {
  const { broker, catalogue, logger } = options;
  const observer = guarded(options.observer ?? {}, logger);
  const { lease: leaseLength = 10_000, punctual = 30_000, minute = "* * * * *" } = options;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let working: Promise<void> = Promise.resolve();
  let tidying: Promise<void> = Promise.resolve();
  let reaping: Promise<void> = Promise.resolve();
  let reaper: ReturnType<typeof upkeep.createReaper>;
  let woken = false;
  const declared = declaredSchedules(catalogue);
  const holder = `${hostname()}:${process.pid}:${randomUUID()}`;
  const subscriber = createSubscriber(broker);
  const gate = createEnqueueGate(options.hooks ?? [], (hook, error) =>
    logger.error({ hook, err: error }, "a hook failed; the work goes on"),
  );
  const pump = createFiringPump(broker, gate);
  const parts = { broker, pump, logger, observer, punctual };
  const upkeep = createUpkeep({ ...options, observer });
  const leadership = createLeadership({
    lease: createLease(broker, holder, leaseLength),
    renewal: leaseLength / 5,
    logger,
    onTerm(term) {
      observer.leader?.(term !== 0);
      clearTimeout(timer);
      const before = reaper;
      reaper = undefined;
      reaping = reaping.then(() => before?.stop());
      if (term === 0) return;
      reaper = upkeep.createReaper();
      void reaper?.start();
      void inTurn(compare);
    },
  });
  const everyMinute = createTask(minute, tidy, {
    noOverlap: true,
    suppressMissedWarning: true,
    logger: cronLogger(logger),
  });

  /** One thing after another: what is compared must not change under the comparison. */
  function inTurn(work: (term: number) => Promise<void>): Promise<void> {
    working = working.then(async () => {
      const { term } = leadership;
      observer.ticked?.();
      if (term === 0 || stopped) return;
      try {
        await work(term);
      } catch (error) {
        if (stopped) return;
        logger.error({ err: error }, "the scheduler's work failed; it is tried again");
        wakeIn(retryDelay);
      }
    });
    return working;
  }

  async function tidy(): Promise<void> {
    await inTurn(compare);
    // Beside the clock, which does not wait for it.
    tidying = tidying.then(() => upkeep.run(() => leadership.term !== 0 && !stopped));
    await tidying;
  }

  async function compare(term: number): Promise<void> {
    await reconcile(broker, term, declared, logger);
    // What was missed is the clockwork's to judge; wrong is only what it leaves behind.
    wakeIn(await fireDue(parts, term));
    if ((await watchSchedules(parts, term)) > 0) wakeIn(await fireDue(parts, term));
  }

  function wake(): void {
    if (woken) return;
    woken = true;
    void inTurn(async (term) => {
      woken = false;
      wakeIn(await fireDue(parts, term));
    }).finally(() => {
      woken = false;
    });
  }

  function wakeIn(milliseconds: number): void {
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(wake, milliseconds);
  }

  return {
    async start() {
      await subscriber.hear(broker.keys.scheduleChanges, (message) => {
        if (message === "") leadership.ask();
        else wake();
      });
      await subscriber.start();
      await leadership.start();
      await everyMinute.start();
      await working;
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await everyMinute.destroy();
      // A Redis that went away must not keep the process; what it did under its term is whole or not there.
      await Promise.race([Promise.all([working, tidying]), sleep(stopTimeout, undefined, { ref: false })]);
      await leadership.stop();
      await reaping;
      await subscriber.stop();
      await pump.close();
    },
  };
}

/** An observer that fails must not stop the clock. */
function guarded(observer: SchedulerObserver, logger: Logger): SchedulerObserver {
  const calls = Object.entries(observer) as [string, (...told: unknown[]) => void][];
  return Object.fromEntries(
    calls.map(([name, call]) => [
      name,
      (...told: unknown[]) => {
        try {
          call(...told);
        } catch (error) {
          logger.error({ err: error, observer: name }, "an observer of the scheduler failed");
        }
      },
    ]),
  );
}

function cronLogger(logger: Logger) {
  const tell = (message: string | Error, error?: Error) =>
    logger.warn({ err: error ?? (message instanceof Error ? message : undefined) }, String(message));
  return { info: () => {}, debug: () => {}, warn: tell, error: tell };
}
