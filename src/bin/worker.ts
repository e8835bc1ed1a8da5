import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import { type Config, publicConfig } from "../config/index.ts";
import { createLogger } from "../observe/logger.ts";
import { createTroubleLog } from "../observe/trouble.ts";
import { onSignals } from "../process/signals.ts";
import { letYoungGenerationGrow } from "../process/young-generation.ts";
import { openBroker } from "../queue/broker.ts";
import { readRedisId } from "../queue/redis-id.ts";
import { createClusterOperations } from "../ray/cluster.ts";
import { createProgramPackage } from "../ray/program.ts";
import { createRayRunner } from "../ray/runner.ts";
import type { TaskLogger } from "../task/context.ts";
import type { Catalogue, Dependencies, Hooks, QueueName, TaskSettings } from "../task/index.ts";
import { defaultCluster } from "../task/ray-clusters.ts";
import { renderBanner } from "../worker/banner.ts";
import type { WorkerObserver } from "../worker/observer.ts";
import { cannotIsolate, createWorker } from "../worker/worker.ts";
import { monitoringOf } from "./monitoring-of.ts";
import { checkRayTasks, closeRayClients, clustersOf, openRayClients, openRayClusters } from "./ray.ts";
import { tracingOf } from "./tracing-of.ts";
import { onOrphaned, startUnlessTold, unlessOrphaned } from "./until-told.ts";
import { version } from "./version.ts";

export interface WorkerCommandOptions {
  queues?: readonly QueueName[] | undefined;
  /** For each of the queues; default: the configuration's. */
  concurrency?: number | undefined;
  name?: string | undefined;
  /** Of `/livez`, `/readyz` and `/metrics`. Default: the configuration's, or none. */
  healthPort?: number | undefined;
}

/** What a worker works with: its tasks, and the folder of the programs that the Ray tasks among them name. */
export interface Deployment {
  catalogue: Catalogue;
  programsFolder: string;
  /** URL of the module that exports the catalogue, and `dependencies` where there are some; isolated tasks need it. */
  catalogueUrl?: string;
  /** Around the worker's runs, what its tasks enqueue, and its life. The first is outermost. */
  hooks?: readonly Hooks[];
  /** Makes what tasks find as `context.dependencies`, once, before the worker takes jobs. */
  dependencies?: () => Dependencies | Promise<Dependencies>;
  /** Told when the worker has stopped. */
  dispose?: (dependencies: Dependencies) => unknown;
}

/** What a deployment's module, `tasks/index.ts`, exports; all but the catalogue may be left out. */
type DeploymentModule = Omit<Deployment, "programsFolder">;

export async function loadDeployment(): Promise<Deployment> {
  const deployment: DeploymentModule = await import("../../tasks/index.ts");
  const { catalogue, hooks, dependencies, dispose } = deployment;
  return {
    catalogue,
    catalogueUrl: new URL("../../tasks/index.ts", import.meta.url).href,
    programsFolder: fileURLToPath(new URL("../../tasks/ray_jobs", import.meta.url)),
    ...(hooks && { hooks }),
    ...(dependencies && { dependencies }),
    ...(dispose && { dispose }),
  };
}

/** Runs a worker until it is told to stop; resolves to the exit code. */
export async function runWorker(
  config: Config,
  options: WorkerCommandOptions,
  deploy: () => Promise<Deployment> = loadDeployment,
): Promise<number> {
  const queueNames = options.queues ?? config.worker.queues;
  const queues = queueNames.map((name) => ({
    name,
    concurrency: options.concurrency ?? config.worker.concurrency[name],
  }));
  const name = options.name ?? config.worker.name ?? `${queueNames.join("+")}@${hostname()}`;
  const logger = await createLogger({ ...config.log, base: { worker: name } });
  // What can be wrong with the deployment is told before anything is opened that would keep the process alive.
  const deployment = await deploy();
  const { catalogue, programsFolder, catalogueUrl, hooks = [] } = deployment;
  const tasks = catalogue.tasks.filter((task) => queueNames.includes(task.queue));
  const clients = openRayClients(config);
  const programs = Object.fromEntries(
    Object.entries(clients).map(([cluster, client]) => [
      cluster,
      createProgramPackage(client, programsFolder),
    ]),
  );
  checkRayTasks(tasks, programs);
  // What one task left behind must not take the other jobs of this process with it.
  process.on("unhandledRejection", (reason) => {
    logger.error({ err: reason }, "a promise was rejected that nobody awaits");
  });
  const isolation = catalogueUrl === undefined ? undefined : { catalogueUrl, ...config.worker.isolation };
  for (const task of tasks) if (task.isolate && isolation === undefined) throw cannotIsolate(task);
  const monitoring = await monitoringOf(config.health, options.healthPort, "worker");
  const tracing = await tracingOf(config.tracing, "worker", createTroubleLog(logger, "trouble with traces"));
  const opening = openBroker({
    redis: config.redis,
    onWaiting: (reason) => logger.warn({ reason }, "waiting for Redis"),
    onError: createTroubleLog(logger, "trouble with Redis"),
    telemetry: tracing?.telemetry,
  });
  const broker = await unlessOrphaned(opening, logger);
  monitoring?.watchRedis(broker);
  const told = Promise.withResolvers<void>();
  // From here on there is something to close: the dependencies, and soon the jobs.
  onSignals({
    stop(signal) {
      logger.info({ signal }, "stopping; a second signal stops at once");
      told.resolve();
    },
    kill(signal) {
      logger.warn({ signal }, "stopped at once; other workers take the jobs over");
      process.exit(1);
    },
  });
  // A stack that died without a word must not leave its workers behind.
  onOrphaned(told.resolve);
  let dependencies = {} as Dependencies;
  const close = async () => {
    await dispose(deployment, dependencies, logger);
    await Promise.all([broker.close(), closeRayClients(clients), monitoring?.close(), tracing?.close()]);
  };
  try {
    if (deployment.dependencies !== undefined) dependencies = await deployment.dependencies();
  } catch (error) {
    await Promise.all([broker.close(), closeRayClients(clients), monitoring?.close(), tracing?.close()]);
    throw error;
  }
  const counted = monitoring?.countWork(catalogue, queueNames, () => worker.status().queues);
  const redisId = await readRedisId(broker);
  const rayClusters = openRayClusters({
    config,
    clients,
    programs,
    redisId,
    logger,
    trace: tracing?.active,
    observer: counted?.ray,
  });
  const rayRunner = createRayRunner(rayClusters);
  counted?.watchBreakers(rayRunner.clusters);
  const worker = createWorker({
    name,
    queues,
    broker,
    catalogue,
    rayRunner,
    cluster: createClusterOperations(clients),
    settings: taskSettings(config),
    dependencies,
    hooks,
    logger,
    shutdownTimeout: config.worker.shutdownTimeout,
    lockDuration: config.worker.lockDuration,
    retention: config.retention,
    version,
    conf: publicConfig({ ...config, worker: { ...config.worker, name, queues: queueNames } }),
    concurrencyOf: (queue) => config.worker.concurrency[queue],
    onShutdown: () => told.resolve(),
    observer: bothObservers(counted?.worker, tracing),
    ...(isolation && { isolation }),
  });
  const ray = clustersOf(config).map((cluster) =>
    cluster.name === defaultCluster ? cluster.address : `${cluster.name}=${cluster.address}`,
  );
  const facts = { version, name, queues, redis: broker.address, ray: ray.join(", "), tasks };
  process.stdout.write(`${renderBanner(facts)}\n`);
  try {
    await startUnlessTold(worker, told.promise, logger);
  } catch (error) {
    await close();
    throw error;
  }
  letYoungGenerationGrow();
  if (monitoring !== undefined) {
    monitoring.watchWorker(broker, worker);
    monitoring.health.stage = "running";
  }
  logger.info({ queues: queueNames, milliseconds: Math.round(performance.now()) }, "ready");
  // Whoever started this process with a channel (`lovage dev`, a test) waits for this.
  process.send?.({ type: "ready" });

  await told.promise;
  if (monitoring !== undefined) monitoring.health.stage = "stopping";
  try {
    await worker.stop();
  } catch (error) {
    // What it waits for may never come; whoever started it waits for its end.
    logger.error({ err: error }, "stopped, with jobs not handed back");
    process.exit(1);
  }
  await close();
  logger.info({}, "stopped");
  // What BullMQ left open when its connection was just being made anew would keep the process alive.
  setTimeout(() => process.exit(0), 1000).unref();
  return 0;
}

function bothObservers(
  counting: WorkerObserver | undefined,
  tracing: Pick<WorkerObserver, "ended"> | undefined,
): WorkerObserver | undefined {
  if (counting === undefined && tracing === undefined) return undefined;
  return {
    started: (job) => counting?.started(job),
    stalled: (queue) => counting?.stalled(queue),
    ended(job, outcome) {
      counting?.ended(job, outcome);
      tracing?.ended(job, outcome);
    },
  };
}

async function dispose(
  deployment: Deployment,
  dependencies: Dependencies,
  logger: TaskLogger,
): Promise<void> {
  try {
    await deployment.dispose?.(dependencies);
  } catch (error) {
    logger.error({ err: error }, "the dependencies could not be disposed of");
  }
}

function taskSettings(config: Config): TaskSettings {
  return {
    expectedNodes: config.ray.expectedNodes,
    expectedCpus: config.ray.expectedCpus,
    datasetsDir: config.folders.workerDatasets,
    modelsDir: config.folders.workerModels,
    ...config.notify,
  };
}
