import type { Logger } from "../observe/logger.ts";
import type { Health } from "../process/health.ts";
import type { Service } from "../process/service.ts";
import { onSignals } from "../process/signals.ts";

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
  process.once("disconnect", told.resolve);
  try {
    await service.start();
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
  // The channel would keep the process alive.
  if (process.connected) process.disconnect();
}
