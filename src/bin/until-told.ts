import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../observe/logger.ts";
import type { Health } from "../process/health.ts";
import type { Service } from "../process/service.ts";
import { onSignals } from "../process/signals.ts";

/** How long a start may go on after the process was told to stop, in milliseconds: Redis may have gone away meanwhile. */
const startGrace = 5000;

/**
 * Calls back when whoever started this process with a channel (`lovage dev`, a test) has died without a word. To listen
 * keeps no process alive.
 * @returns a function that stops listening
 */
export function onOrphaned(end: () => void): () => void {
  process.once("disconnect", end);
  process.channel?.unref();
  // Undefined where there never was a channel.
  if (process.connected === false) end();
  return () => process.off("disconnect", end);
}

/** Waits for what comes before there is anything to stop; ends the process when nobody is left who started it. */
export async function unlessOrphaned<T>(needed: Promise<T>, logger: Pick<Logger, "warn">): Promise<T> {
  const deafen = onOrphaned(() => {
    logger.warn({}, "stopped before it was ready: whoever started it is gone");
    process.exit(1);
  });
  try {
    return await needed;
  } finally {
    deafen();
  }
}

/** Starts a service; ends the process when that does not come to its end although it was told to stop. */
export async function startUnlessTold(
  service: Service,
  told: Promise<unknown>,
  logger: Pick<Logger, "warn">,
): Promise<void> {
  const late = told.then(() => sleep(startGrace, "late" as const, { ref: false }));
  const started = service.start();
  if ((await Promise.race([started, late])) !== "late") return;
  logger.warn({}, "stopped before it was ready");
  process.exit(1);
}

/**
 * Starts a service and stops it when the process is told to: by TERM, Ctrl-C, or the end of the channel to whoever
 * started it. A second signal ends the process at once.
 */
export async function untilTold(
  service: Service,
  logger: Logger,
  health?: Pick<Health, "stage">,
): Promise<void> {
  const told = Promise.withResolvers<void>();
  // Heard from before the service is ready: a TERM in between must not kill it outright.
  const deafen = onSignals({
    stop(signal) {
      logger.info({ signal }, "stopping; a second signal stops at once");
      told.resolve();
    },
    kill: () => process.exit(1),
  });
  onOrphaned(told.resolve);
  try {
    await startUnlessTold(service, told.promise, logger);
    if (health !== undefined) health.stage = "running";
    logger.info({ milliseconds: Math.round(performance.now()) }, "ready");
    // Whoever started this process with a channel (`lovage dev`, a test) waits for this.
    process.send?.({ type: "ready" });
    await told.promise;
  } finally {
    if (health !== undefined) health.stage = "stopping";
    await service.stop();
    deafen();
  }
  logger.info({}, "stopped");
}
