import type { Config } from "../config/index.ts";
import { createLogger } from "../observe/logger.ts";
import { createTroubleLog } from "../observe/trouble.ts";
import { openBroker } from "../queue/broker.ts";
import { createScheduler } from "../scheduler/scheduler.ts";
import { openClusterDoor } from "./cluster-door.ts";
import { monitoringOf } from "./monitoring-of.ts";
import { tracingOf } from "./tracing-of.ts";
import { untilTold } from "./until-told.ts";
import { loadDeployment } from "./worker.ts";

/** Runs a scheduler until it is told to stop; resolves to the exit code. */
export async function runScheduler(
  config: Config,
  options: { healthPort?: number | undefined } = {},
): Promise<number> {
  const logger = await createLogger({ ...config.log, base: { process: "scheduler" } });
  const { catalogue } = await loadDeployment();
  const monitoring = await monitoringOf(config.health, options.healthPort, "scheduler");
  const tracing = await tracingOf(
    config.tracing,
    "scheduler",
    createTroubleLog(logger, "trouble with traces"),
  );
  const broker = await openBroker({
    redis: config.redis,
    onWaiting: (reason) => logger.warn({ reason }, "waiting for Redis"),
    onError: createTroubleLog(logger, "trouble with Redis"),
    telemetry: tracing?.telemetry,
  });
  const cluster = openClusterDoor(config);
  monitoring?.watchRedis(broker);
  monitoring?.measureQueues(broker);
  monitoring?.measureCluster(cluster, config.ray.expectedNodes);
  try {
    await untilTold(createScheduler({ broker, catalogue, logger }), logger, monitoring?.health);
  } finally {
    await Promise.all([broker.close(), cluster.close(), monitoring?.close(), tracing?.close()]);
  }
  return 0;
}
