import { createClient } from "../client/index.ts";
import type { Config } from "../config/index.ts";
import { readCertificate } from "../dashboard/certificate.ts";
import { createDashboard } from "../dashboard/dashboard.ts";
import { readUserList } from "../dashboard/user-list.ts";
import { createLogger } from "../observe/logger.ts";
import { createTroubleLog } from "../observe/trouble.ts";
import { openBroker } from "../queue/broker.ts";
import { openClusterDoor } from "./cluster-door.ts";
import { openMonitoring } from "./monitoring.ts";
import { tracingOf } from "./tracing-of.ts";
import { unlessOrphaned, untilTold } from "./until-told.ts";
import { version } from "./version.ts";

/** Serves the dashboard until it is told to stop; resolves to the exit code. */
export async function runDashboard(
  config: Config,
  options: { host?: string | undefined; port?: number | undefined; healthPort?: number | undefined },
): Promise<number> {
  const { host = config.dashboard.host, port = config.dashboard.port } = options;
  const { sessionAge, trustProxy, tls } = config.dashboard;
  const users = readUserList({ ...config.dashboard, host });
  // Told before it waits for Redis.
  if (tls !== undefined) readCertificate(tls);
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
  const opening = openBroker({
    redis: config.redis,
    onWaiting: (reason) => logger.warn({ reason }, "waiting for Redis"),
    onError,
    telemetry: tracing?.telemetry,
  });
  const broker = await unlessOrphaned(opening, logger);
  // Clients of the API wait for 10 s unless told otherwise: they shall hear why there is no answer.
  const client = createClient({
    redis: config.redis,
    timeout: "8s",
    onError,
    telemetry: tracing?.telemetry,
  });
  const cluster = openClusterDoor(config);
  monitoring.watchRedis(broker);
  monitoring.measureQueues(broker);
  monitoring.measureClusters(cluster);
  const dashboard = createDashboard({
    client,
    broker,
    cluster,
    logger,
    version,
    host,
    port,
    health: monitoring.probes,
    metrics: monitoring.probes.metrics,
    enterTrace: tracing?.enter,
    users,
    sessionAge,
    trustProxy,
    tls,
  });
  const announced = {
    async start() {
      await dashboard.start();
      process.stderr.write(welcome(dashboard.url, users));
    },
    stop: dashboard.stop,
  };
  try {
    await untilTold(announced, logger, monitoring.health);
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

/** For the person at the terminal, not for the log: a password that was made here is told nowhere else. */
function welcome(url: string, { first, listed, made }: ReturnType<typeof readUserList>): string {
  const names = [...(first ? [first.name] : []), ...listed.map(({ name }) => name)];
  const several =
    names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
  const secret = made
    ? `\n  Password: ${first?.password} (made for this run; set DASHBOARD_PASSWORD to keep one)`
    : "";
  return `\n  Dashboard: ${url}\n  Log in as: ${several}${secret}\n\n`;
}
