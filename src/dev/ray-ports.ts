import type { NeededPort } from "./ports.ts";

/** What one Ray node listens on. Ray picks the ports of its worker processes itself, among those free at the time. */
export interface RayNodePorts {
  nodeManager: number;
  objectManager: number;
  agentHttp: number;
  agentGrpc: number;
  runtimeEnvAgent: number;
  metrics: number;
}

/** All fixed ports of a cluster on one machine. The first node is the head. */
export interface RayPorts {
  dashboard: number;
  gcs: number;
  client: number;
  nodes: readonly RayNodePorts[];
}

/**
 * All ports of a cluster from one number: 10 from `base` on for the head's services, then 10 for each node.
 *
 * @param base default 20800: outside the ports kernels hand out to outgoing connections, far from Redis and Ray's own defaults
 * @param dashboard default 8265, where Ray's own tools look for it; null puts it in the range too
 */
export function rayPorts(nodes: number, base = 20_800, dashboard: number | null = 8265): RayPorts {
  return {
    gcs: base,
    client: base + 1,
    dashboard: dashboard ?? base + 2,
    nodes: Array.from({ length: nodes }, (_, index) => {
      const first = base + 10 * (index + 1);
      return {
        nodeManager: first,
        objectManager: first + 1,
        agentHttp: first + 2,
        agentGrpc: first + 3,
        runtimeEnvAgent: first + 4,
        metrics: first + 5,
      };
    }),
  };
}

/** Every port of the cluster with its owner and the setting that moves it. */
export function neededRayPorts(
  ports: RayPorts,
  settings: { dashboard: string; others: string },
): NeededPort[] {
  const nodes = ports.nodes.flatMap((node, index) =>
    Object.entries(node).map(([service, port]) => ({
      port: Number(port),
      owner: `Ray node ${index + 1}, ${service}`,
      setting: settings.others,
    })),
  );
  return [
    { port: ports.dashboard, owner: "Ray's Jobs API and dashboard", setting: settings.dashboard },
    { port: ports.gcs, owner: "Ray's control service", setting: settings.others },
    { port: ports.client, owner: "Ray's client server", setting: settings.others },
    ...nodes,
  ];
}
