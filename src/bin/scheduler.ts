import type { Config } from "../config/index.ts";
import { createLogger } from "../observe/logger.ts";
import { createTroubleLog } from "../observe/trouble.ts";
import { openBroker } from "../queue/broker.ts";
import { createRayUpkeep } from "../ray/orphans.ts";
import { createScheduler } from "../scheduler/scheduler.ts";
import { openRay } from "./ray.ts";
import { untilTold } from "./until-told.ts";
import { loadDeployment } from "./worker.ts";

/** Runs a scheduler until it is told to stop; resolves to the exit code. */
export async function runScheduler(config: Config): Promise<number> {
  const logger = await createLogger({ ...config.log, base: { process: "scheduler" } });
  const { catalogue, hooks = [] } = await loadDeployment();
  const ray = openRay(config);
  const broker = await openBroker({
    redis: config.redis,
    onWaiting: (reason) => logger.warn({ reason }, "waiting for Redis"),
    onError: createTroubleLog(logger, "trouble with Redis"),
  });
  try {
    const { result, failure } = config.retention;
    const scheduler = createScheduler({
      broker,
      catalogue,
      logger,
      hooks,
      ray: createRayUpkeep(ray),
      retention: { completed: result.age, failed: failure.age },
    });
    await untilTold(scheduler, logger);
  } finally {
    await Promise.all([broker.close(), ray.close()]);
  }
  return 0;
}
