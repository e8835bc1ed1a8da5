import { Gauge } from "prom-client";
import type { ClusterDoor } from "../core/cluster.ts";
import type { Metrics } from "./metrics.ts";

/** How often the cluster is looked at, at most, in milliseconds. */
const interval = 10_000;

/** A cluster that does not answer for so long counts as away, in milliseconds. */
const patience = 8000;

/**
 * The gauges of the Ray cluster. It may take seconds to answer, so a scrape does not wait for it: it shows what the look
 * that the last scrape began has found.
 */
export function addClusterMetrics(
  { registry, beforeScrape }: Metrics,
  parts: { nodes: ClusterDoor["nodes"]; expectedNodes: number },
): void {
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const up = gauge("lovage_ray_up", "Whether the Ray cluster answered this process: 1 or 0.");
  const nodes = gauge("lovage_ray_nodes", "Nodes of the Ray cluster by state: alive, dead.", "state");
  const expected = gauge("lovage_ray_nodes_expected", "Nodes that the cluster should have.");
  const cpus = gauge("lovage_ray_cpus", "CPUs of the nodes that are alive.");
  const cpusUsed = gauge("lovage_ray_cpus_used", "CPUs of them that Ray has handed out.");
  expected.set(parts.expectedNodes);
  for (const one of [up, cpus, cpusUsed]) one.remove();
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking = false;

  async function look(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, patience, undefined).unref();
    });
    const found = await Promise.race([parts.nodes().catch(() => undefined), late]);
    clearTimeout(timer);
    nodes.reset();
    for (const one of [cpus, cpusUsed]) one.remove();
    up.set(found === undefined ? 0 : 1);
    if (found === undefined) return;
    const alive = found.filter((node) => node.alive);
    nodes.set({ state: "alive" }, alive.length);
    nodes.set({ state: "dead" }, found.length - alive.length);
    cpus.set(alive.reduce((sum, node) => sum + node.cpus, 0));
    cpusUsed.set(alive.reduce((sum, node) => sum + (node.cpusUsed ?? 0), 0));
  }

  beforeScrape(() => {
    if (looking || performance.now() - lookedAt < interval) return;
    looking = true;
    void look().finally(() => {
      looking = false;
      lookedAt = performance.now();
    });
  });
}
