import type { Config, RayClusterConfig } from "../config/index.ts";
import { describeError, LovageError } from "../core/errors.ts";
import { type Breaker, createBreaker } from "../ray/breaker.ts";
import { createRayClusters, type RayClusters } from "../ray/clusters.ts";
import type { RayParts } from "../ray/parts.ts";
import type { ProgramPackage } from "../ray/program.ts";
import { createRayClient, type RayClient } from "../ray-client-http/index.ts";
import type { AnyTask } from "../task/catalogue.ts";
import type { TaskLogger } from "../task/context.ts";
import { defaultCluster, unknownCluster } from "../task/ray-clusters.ts";

/** The clusters that the configuration names, the first of them first. */
export function clustersOf({ ray, folders }: Pick<Config, "ray" | "folders">): RayClusterConfig[] {
  const { address, token, ca, pip, expectedNodes, expectedCpus } = ray;
  const { datasets, models } = folders;
  return [
    { name: defaultCluster, address, token, ca, pip, expectedNodes, expectedCpus, datasets, models },
    ...ray.clusters,
  ];
}

/** A client for each cluster, by its name. */
export function openRayClients(config: Pick<Config, "ray" | "folders">): Record<string, RayClient> {
  return Object.fromEntries(
    clustersOf(config).map((cluster) => [cluster.name, openRay(cluster, config.ray.timeouts)]),
  );
}

/**
 * Checks that each Ray task's program is there, and its cluster.
 * @param programs the folder of programs, for each cluster
 * @throws LovageError `PROGRAM_MISSING`, `TASK_INVALID`
 */
export function checkRayTasks(
  tasks: readonly AnyTask[],
  programs: Readonly<Record<string, ProgramPackage>>,
): void {
  for (const { name, ray } of tasks) {
    if (ray === undefined) continue;
    const { cluster = defaultCluster, program } = ray;
    const folder = programs[cluster];
    if (folder !== undefined) {
      folder.check(program);
      continue;
    }
    const { message, hint } = unknownCluster(cluster, Object.keys(programs));
    throw new LovageError("TASK_INVALID", `task ${name}: ${message}`, {
      field: "cluster",
      value: cluster,
      hint,
    });
  }
}

/** Each cluster as a worker runs Ray jobs on it. */
export function openRayClusters({
  config,
  clients,
  programs,
  redisId,
  logger,
  trace,
  observer,
}: {
  config: Config;
  clients: Readonly<Record<string, RayClient>>;
  programs: Readonly<Record<string, ProgramPackage>>;
  redisId: string;
  logger: TaskLogger;
  trace: RayParts["trace"];
  observer: RayParts["observer"];
}): RayClusters {
  const shared = {
    world: config.redis.prefix,
    redisId,
    uriSchemes: config.folders.uriSchemes,
    unavailableTimeout: config.ray.unavailableTimeout,
  };
  const clusters = clustersOf(config).map(({ name, datasets, models, pip }) => {
    const client = clients[name] as RayClient;
    const cluster = {
      client,
      programs: programs[name] as ProgramPackage,
      breaker: openBreaker(name, client, config.ray.breaker, logger),
      trace,
      settings: { ...shared, datasetsDir: datasets, modelsDir: models, pip },
    };
    return [name, cluster] as const;
  });
  return createRayClusters(Object.fromEntries(clusters), observer);
}

/** A cluster's breaker, whose changes are logged. */
function openBreaker(
  cluster: string,
  client: RayClient,
  { failures, probe }: Config["ray"]["breaker"],
  logger: TaskLogger,
): Breaker {
  return createBreaker({
    cluster,
    failures,
    probeInterval: probe,
    probe: () => client.version(),
    onChange(state, error) {
      if (state === "closed") logger.info({ cluster }, "the Ray cluster answers again: its jobs go on");
      else {
        const reason = describeError(error);
        logger.error({ cluster, reason }, "the Ray cluster is down: jobs that have not begun there wait");
      }
    },
  });
}

export function closeRayClients(clients: Readonly<Record<string, RayClient>>): Promise<unknown> {
  return Promise.all(Object.values(clients).map((client) => client.close()));
}

function openRay({ address, token, ca }: RayClusterConfig, timeouts: Config["ray"]["timeouts"]): RayClient {
  return createRayClient({
    address,
    token,
    ca,
    timeouts: {
      connectMs: timeouts.connect,
      requestMs: timeouts.request,
      submitMs: timeouts.submit,
    },
  });
}
