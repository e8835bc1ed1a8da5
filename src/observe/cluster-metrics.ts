import { Gauge } from "prom-client";
import type { ClusterDoor, ClusterFacts } from "../core/cluster.ts";
import type { Metrics } from "./metrics.ts";

/** How often a cluster is looked at, at most, in milliseconds. */
const interval = 10_000;

/** A cluster that does not answer for so long counts as away, in milliseconds. */
const patience = 8000;

/**
 * The gauges of the Ray clusters. They may take seconds to answer, so a scrape does not wait for them: it shows what the
 * look that the last scrape began has found.
 */
export function addClusterMetrics(
  { registry, beforeScrape }: Metrics,
  door: Pick<ClusterDoor, "clusters" | "nodes">,
): void {
  const gauge = (name: string, help: string, ...labels: string[]) =>
    new Gauge({ name, help, labelNames: ["cluster", ...labels], registers: [registry] });
  const up = gauge("lovage_ray_up", "Whether the Ray cluster answered this process: 1 or 0.");
  const nodes = gauge("lovage_ray_nodes", "Nodes of the Ray cluster by state: alive, dead.", "state");
  const expected = gauge("lovage_ray_nodes_expected", "Nodes that the cluster should have.");
  const cpus = gauge("lovage_ray_cpus", "CPUs of the nodes that are alive.");
  const cpusUsed = gauge("lovage_ray_cpus_used", "CPUs of them that Ray has handed out.");

  async function look(cluster: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, patience, undefined).unref();
    });
    const found = await Promise.race([door.nodes({ cluster }).catch(() => undefined), late]);
    clearTimeout(timer);
    up.set({ cluster }, found === undefined ? 0 : 1);
    if (found === undefined) {
      for (const state of ["alive", "dead"]) nodes.remove({ cluster, state });
      for (const one of [cpus, cpusUsed]) one.remove({ cluster });
      return;
    }
    const alive = found.filter((node) => node.alive);
    nodes.set({ cluster, state: "alive" }, alive.length);
    nodes.set({ cluster, state: "dead" }, found.length - alive.length);
    cpus.set(
      { cluster },
      alive.reduce((sum, node) => sum + node.cpus, 0),
    );
    cpusUsed.set(
      { cluster },
      alive.reduce((sum, node) => sum + (node.cpusUsed ?? 0), 0),
    );
  }

  function watch({ name, expectedNodes }: ClusterFacts): void {
    expected.set({ cluster: name }, expectedNodes);
    let lookedAt = Number.NEGATIVE_INFINITY;
    let looking = false;
    beforeScrape(() => {
      if (looking || performance.now() - lookedAt < interval) return;
      looking = true;
      void look(name).finally(() => {
        looking = false;
        lookedAt = performance.now();
      });
    });
  }

  for (const cluster of door.clusters) watch(cluster);
}
