import { createLogger } from "../../src/observe/logger.ts";
import { openBroker } from "../../src/queue/broker.ts";
import { createScheduler, type SchedulerOptions } from "../../src/scheduler/scheduler.ts";
import type { RunningWorker, World } from "./world.ts";

/** A scheduler inside this process, quick to take over; its connection goes with it. */
export async function startScheduler(
  world: World,
  options: Pick<SchedulerOptions, "catalogue"> & Partial<SchedulerOptions>,
): Promise<RunningWorker> {
  const broker = await openBroker({ redis: world.users.worker });
  const logger = await createLogger({ level: "silent", format: "json" });
  const scheduler = createScheduler({ broker, logger, lease: 2000, minute: "* * * * * *", ...options });
  await scheduler.start();
  let stopping: Promise<void> | undefined;
  return {
    stop() {
      stopping ??= scheduler.stop().then(() => broker.close());
      return stopping;
    },
  };
}
