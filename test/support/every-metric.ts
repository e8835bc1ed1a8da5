import { addClusterMetrics } from "../../src/observe/cluster-metrics.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { addQueueMetrics, type SharedLook } from "../../src/observe/queue-metrics.ts";
import { addBreakerMetric, createRayMetrics } from "../../src/observe/ray-metrics.ts";
import { createSchedulerMetrics } from "../../src/observe/scheduler-metrics.ts";
import { createWorkerMetrics } from "../../src/observe/worker-metrics.ts";

export const nothing: SharedLook = {
  memory: { used: 0, max: 0 },
  queues: [],
  workers: [],
  capacity: [],
  slots: [],
};

/** The metrics of all kinds of processes, as one would have them that is everything. */
export function createEveryMetric() {
  const metrics = createMetrics({ process: "test", version: "1.2.3", lag: () => 0 });
  createWorkerMetrics(metrics, { tasks: [], served: [], queues: () => [] });
  createRayMetrics(metrics, []);
  createSchedulerMetrics(metrics, []);
  addQueueMetrics(metrics, async () => nothing);
  addBreakerMetric(metrics, () => ({}));
  addClusterMetrics(metrics, { nodes: async () => [], clusters: [] });
  return metrics.registry;
}
