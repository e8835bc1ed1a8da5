import type { ClusterDoor } from "../core/cluster.ts";
import { addClusterMetrics } from "../observe/cluster-metrics.ts";
import { createMetrics, type Metrics } from "../observe/metrics.ts";
import { addQueueMetrics } from "../observe/queue-metrics.ts";
import { addBreakerMetric, createRayMetrics } from "../observe/ray-metrics.ts";
import { createSchedulerMetrics } from "../observe/scheduler-metrics.ts";
import { createWorkerMetrics, type WorkerMetricParts } from "../observe/worker-metrics.ts";
import { createLagWatch } from "../process/event-loop.ts";
import {
  createHealth,
  createHealthServer,
  type Handler,
  type Health,
  type Probes,
} from "../process/health.ts";
import type { Broker } from "../queue/broker.ts";
import { lookAtRedis, lookAtWorker } from "../queue/health-looks.ts";
import { readMeasurements, slotsOf } from "../queue/measurements.ts";
import { longestLag } from "../queue/workers.ts";
import type { RayObserver } from "../ray/observer.ts";
import type { SchedulerObserver } from "../scheduler/observer.ts";
import { builtins } from "../task/builtin.ts";
import type { Catalogue } from "../task/catalogue.ts";
import type { WorkerObserver } from "../worker/observer.ts";
import type { Worker } from "../worker/worker.ts";

/** How a process tells of its health and its metrics. */
export interface Monitoring {
  readonly health: Health;
  readonly metrics: Metrics;
  /** What answers, for whoever serves it on another port as well. */
  readonly probes: Probes;
  /** From now on the process is ready only while Redis answers. */
  watchRedis(broker: Broker): void;
  /** From now on the process is alive only while the worker takes what there is to take; its name is on all metrics. */
  watchWorker(broker: Broker, worker: Worker): void;
  /** Counts what a worker does: its observers. */
  countWork(
    catalogue: Catalogue,
    served: readonly string[],
    queues: WorkerMetricParts["queues"],
  ): {
    worker: WorkerObserver;
    ray: RayObserver;
    /** From now on the state of each Ray cluster's breaker is exported. */
    watchBreakers(states: () => Readonly<Record<string, string>>): void;
  };
  /** Counts what a scheduler does, which from now on is alive only while its loop comes round. */
  countSchedules(broker: Broker, declared: readonly string[]): SchedulerObserver;
  /** Exports what lies in Redis too. */
  measureQueues(broker: Broker): void;
  /** Exports the state of each Ray cluster too. */
  measureClusters(door: Pick<ClusterDoor, "clusters" | "nodes">): void;
  close(): Promise<void>;
}

export interface MonitoringOptions {
  /** What the process is: worker, scheduler, dashboard. */
  process: string;
  /** Of Lovage. */
  version: string;
  /** Where it is served; no port: by whoever mounts the handlers. */
  health: { host: string; port: number | undefined };
}

/** A scheduler's loop comes round each minute; one that has not for so long stands still. Milliseconds. */
const longestTick = 180_000;

/** How long a scrape waits for Redis, in milliseconds: Prometheus gives up after ten seconds. */
const scrapePatience = 3000;

/**
 * Begins to answer `/livez`, `/readyz` and `/metrics`. A process does so before anything else, so that it is seen alive
 * while it waits for Redis.
 * @throws LovageError `PORT_TAKEN`
 */
export async function openMonitoring(options: MonitoringOptions): Promise<Monitoring> {
  const lagWatch = createLagWatch();
  const health = createHealth();
  let labels = (): Record<string, string> => ({});
  const metrics = createMetrics({ ...options, lag: lagWatch.lag, labels: () => labels() });
  const scrape: Handler = (request, response) => {
    metrics.scrape().then(
      ({ contentType, body }) => {
        response.writeHead(200, { "content-type": contentType, "cache-control": "no-store" });
        response.end(request.method === "HEAD" ? undefined : body);
      },
      // A metric that cannot be read must not end the process.
      () => response.writeHead(500).end(),
    );
  };
  const { host, port } = options.health;
  const probes: Probes = { livez: health.livez, readyz: health.readyz, metrics: scrape };
  const routes = { "/livez": probes.livez, "/readyz": probes.readyz, "/metrics": probes.metrics };
  const server = port === undefined ? undefined : createHealthServer({ host, port, routes });
  health.watch({
    live: {
      "event-loop": () => {
        const lag = lagWatch.lag();
        // A probe that comes meanwhile is not answered, which says the same.
        return lag > longestLag
          ? `the event loop was held up for ${(lag / 1000).toFixed(1)} s within the last ten seconds`
          : undefined;
      },
    },
  });
  lagWatch.start();
  await server?.start();
  return {
    health,
    metrics,
    probes,
    watchRedis: (broker) => health.watch({ ready: { redis: () => lookAtRedis(broker) } }),
    watchWorker(broker, worker) {
      labels = () => ({ worker: worker.status().name });
      health.watch({ live: { worker: () => lookAtWorker(broker, worker.status) } });
    },
    countWork({ tasks }, served, queues) {
      const known = [...tasks, ...builtins.values()];
      return {
        worker: createWorkerMetrics(metrics, { tasks: known, served, queues }),
        ray: createRayMetrics(
          metrics,
          tasks.map(({ name }) => name),
        ),
        watchBreakers: (states) => addBreakerMetric(metrics, states),
      };
    },
    countSchedules(broker, declared) {
      const counted = createSchedulerMetrics(metrics, declared);
      let tickedAt = performance.now();
      health.watch({
        live: {
          scheduler: () => {
            const silent = performance.now() - tickedAt;
            // While Redis is away the loop waits for it, and to start again would not bring it back.
            const stands = silent > longestTick && broker.redis.status === "ready";
            return stands ? `its loop has stood still for ${Math.round(silent / 1000)} s` : undefined;
          },
        },
      });
      return {
        ...counted,
        ticked() {
          tickedAt = performance.now();
          counted.ticked();
        },
      };
    },
    measureClusters: (door) => addClusterMetrics(metrics, door),
    measureQueues(broker) {
      addQueueMetrics(metrics, async () => {
        const seen = await readMeasurements(broker, scrapePatience);
        return { ...seen, capacity: slotsOf(seen.workers) };
      });
    },
    async close() {
      lagWatch.stop();
      await server?.stop();
    },
  };
}
