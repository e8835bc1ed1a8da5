import type { Config } from "../config/index.ts";
import { createLogger } from "../observe/logger.ts";
import { createTroubleLog } from "../observe/trouble.ts";
import { openBroker } from "../queue/broker.ts";
import { createScheduler } from "../scheduler/scheduler.ts";
import { untilTold } from "./until-told.ts";
import { loadDeployment } from "./worker.ts";

/** Runs a scheduler until it is told to stop; resolves to the exit code. */
export async function runScheduler(config: Config): Promise<number> {
  const logger = await createLogger({ ...config.log, base: { process: "scheduler" } });
  const { catalogue } = await loadDeployment();
  const broker = await openBroker({
    redis: config.redis,
    onWaiting: (reason) => logger.warn({ reason }, "waiting for Redis"),
    onError: createTroubleLog(logger, "trouble with Redis"),
  });
  try {
    await untilTold(createScheduler({ broker, catalogue, logger }), logger);
  } finally {
    await broker.close();
  }
  return 0;
}
