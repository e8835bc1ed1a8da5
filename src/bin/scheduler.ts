import type { Config } from "../config/index.ts";
import { createLogger } from "../observe/logger.ts";
import { createTroubleLog } from "../observe/trouble.ts";
import { openBroker } from "../queue/broker.ts";
import { createRayUpkeep } from "../ray/orphans.ts";
import { createScheduler } from "../scheduler/scheduler.ts";
import type { Catalogue } from "../task/index.ts";
import { openClusterDoor } from "./cluster-door.ts";
import { monitoringOf } from "./monitoring-of.ts";
import { closeRayClients, openRayClients } from "./ray.ts";
import { tracingOf } from "./tracing-of.ts";
import { unlessOrphaned, untilTold } from "./until-told.ts";
import { loadDeployment } from "./worker.ts";

/** Runs a scheduler until it is told to stop; resolves to the exit code. */
export async function runScheduler(
  config: Config,
  options: { healthPort?: number | undefined } = {},
): Promise<number> {
  const logger = await createLogger({ ...config.log, base: { process: "scheduler" } });
  const { catalogue, hooks = [] } = await loadDeployment();
  const monitoring = await monitoringOf(config.health, options.healthPort, "scheduler");
  const tracing = await tracingOf(
    config.tracing,
    "scheduler",
    createTroubleLog(logger, "trouble with traces"),
  );
  const rayClients = openRayClients(config);
  const opening = openBroker({
    redis: config.redis,
    onWaiting: (reason) => logger.warn({ reason }, "waiting for Redis"),
    onError: createTroubleLog(logger, "trouble with Redis"),
    telemetry: tracing?.telemetry,
  });
  const broker = await unlessOrphaned(opening, logger);
  const cluster = monitoring && openClusterDoor(config);
  if (monitoring !== undefined && cluster !== undefined) {
    monitoring.watchRedis(broker);
    monitoring.measureQueues(broker);
    monitoring.measureClusters(cluster);
  }
  try {
    const { result, failure } = config.retention;
    const scheduler = createScheduler({
      broker,
      catalogue,
      logger,
      hooks,
      ray: createRayUpkeep(rayClients),
      retention: { completed: result.age, failed: failure.age },
      ...(monitoring && { observer: monitoring.countSchedules(broker, scheduleNames(catalogue)) }),
    });
    await untilTold(scheduler, logger, monitoring?.health);
  } finally {
    await Promise.all([
      broker.close(),
      closeRayClients(rayClients),
      cluster?.close(),
      monitoring?.close(),
      tracing?.close(),
    ]);
  }
  return 0;
}

function scheduleNames({ tasks }: Catalogue): string[] {
  return tasks.flatMap(({ schedules }) => schedules.map(({ name }) => name));
}
