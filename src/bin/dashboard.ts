import { createClient } from "../client/index.ts";
import type { Config } from "../config/index.ts";
import { createDashboard } from "../dashboard/dashboard.ts";
import { createLogger } from "../observe/logger.ts";
import { createTroubleLog } from "../observe/trouble.ts";
import { openBroker } from "../queue/broker.ts";
import { openClusterDoor } from "./cluster-door.ts";
import { openMonitoring } from "./monitoring.ts";
import { tracingOf } from "./tracing-of.ts";
import { untilTold } from "./until-told.ts";
import { version } from "./version.ts";

/** Serves the dashboard until it is told to stop; resolves to the exit code. */
export async function runDashboard(
  config: Config,
  options: { host?: string | undefined; port?: number | undefined; healthPort?: number | undefined },
): Promise<number> {
  const logger = await createLogger({ ...config.log, base: { process: "dashboard" } });
  const onError = createTroubleLog(logger, "trouble with Redis");
  // Its own port answers these too, so it has them in any case.
  const monitoring = await openMonitoring({
    process: "dashboard",
    version,
    health: { ...config.health, port: options.healthPort ?? config.health.port },
  });
  const tracing = await tracingOf(
    config.tracing,
    "dashboard",
    createTroubleLog(logger, "trouble with traces"),
  );
  const broker = await openBroker({
    redis: config.redis,
    onWaiting: (reason) => logger.warn({ reason }, "waiting for Redis"),
    onError,
    telemetry: tracing?.telemetry,
  });
  const client = createClient({ redis: config.redis, onError, telemetry: tracing?.telemetry });
  const cluster = openClusterDoor(config);
  monitoring.watchRedis(broker);
  monitoring.measureQueues(broker);
  monitoring.measureCluster(cluster, config.ray.expectedNodes);
  const { host = config.dashboard.host, port = config.dashboard.port } = options;
  const dashboard = createDashboard({
    client,
    broker,
    cluster,
    logger,
    version,
    host,
    port,
    probes: monitoring.probes,
    enterTrace: tracing?.enter,
  });
  try {
    await untilTold(dashboard, logger, monitoring.health);
  } finally {
    await Promise.all([
      client.close(),
      broker.close(),
      cluster.close(),
      monitoring.close(),
      tracing?.close(),
    ]);
  }
  return 0;
}
