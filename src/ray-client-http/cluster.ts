import { RayError } from "./errors.ts";
import type { CallOptions } from "./options.ts";
import { type Restore, restoreNames } from "./resources.ts";
import { ClusterStatusWire, NodeSummaryWire, NodesWire } from "./shapes.ts";
import type { Transport } from "./transport.ts";

/** Amounts by resource: `CPU` and `GPU` count, `memory` and `object_store_memory` are bytes. */
export type Resources = Record<string, number>;

export interface Demand {
  resources: Resources;
  /** How many tasks, actors or bundles want this. */
  count: number;
}

export interface PlacementGroupDemand {
  strategy: string | null;
  bundles: Demand[];
  count: number;
}

/** As the autoscaler last wrote it, every five seconds or so; empty in the first seconds of a cluster. */
export interface ClusterStatus {
  /** Seconds since 1970 by the cluster's clock; null when nothing was written yet. */
  time: number | null;
  /** `[used, total]` by resource. */
  usage: Record<string, [used: number, total: number]>;
  usageByNode: Record<string, Record<string, [used: number, total: number]>>;
  /** What tasks and actors wait for; a PENDING Ray job's supervisor is among them. */
  pendingDemands: Demand[];
  pendingPlacementGroups: PlacementGroupDemand[];
  activeNodes: number | null;
  pendingNodes: number;
  failedNodes: number;
  autoscalerError: string | null;
}

export interface RayNode {
  nodeId: string;
  ip: string | null;
  hostname: string | null;
  name: string | null;
  state: "ALIVE" | "DEAD" | (string & {});
  /** Why it is dead, in Ray's words. */
  stateMessage: string | null;
  isHead: boolean;
  resources: Resources;
  /** Null where the cluster status does not tell. */
  used: Resources | null;
  /** The machine's processors in use, in percent; null when the node does not report. */
  cpuPercent: number | null;
  /** The machine's memory in bytes; null when the node does not report. */
  machineMemory: { total: number; available: number } | null;
  labels: Record<string, string>;
  /** Milliseconds since 1970. */
  startTime: number | null;
  endTime: number | null;
}

export async function clusterStatus(transport: Transport, options?: CallOptions): Promise<ClusterStatus> {
  const request = { method: "GET", path: "/api/cluster_status" } as const;
  const { data } = await transport.ask(ClusterStatusWire, request, options);
  const load = data.clusterStatus?.loadMetricsReport;
  const report = data.clusterStatus?.autoscalerReport;
  const demands = (load?.resourceDemand ?? []).map(toDemand);
  const declared = [...(load?.nodeTypes ?? []), ...(load?.resourceDemand ?? [])];
  const restore = restoreNames(declared.flatMap(([resources]) => Object.keys(resources)));
  return {
    time: data.clusterStatus?.time ?? null,
    usage: restoreKeys(load?.usage ?? {}, restore),
    usageByNode: Object.fromEntries(
      Object.entries(load?.usageByNode ?? {}).map(([node, usage]) => [node, restoreKeys(usage, restore)]),
    ),
    pendingDemands: demands,
    pendingPlacementGroups: (load?.pgDemand ?? []).map(toPlacementGroup),
    activeNodes: report?.activeNodes
      ? Object.values(report.activeNodes).reduce((sum, nodes) => sum + nodes, 0)
      : null,
    pendingNodes: report?.pendingNodes?.length ?? 0,
    failedNodes: report?.failedNodes?.length ?? 0,
    autoscalerError: data.autoscalingError ?? null,
  };
}

/** All nodes, dead ones of the last minutes too. What only some pages of Ray's tell is null when they fail. */
export async function nodes(transport: Transport, options?: CallOptions): Promise<RayNode[]> {
  const [listed, summary, status] = await Promise.all([
    // The limit of Ray's own; without one it gives a hundred.
    transport.ask(NodesWire, { method: "GET", path: "/api/v0/nodes?detail=1&limit=10000" }, options),
    optional(transport.ask(NodeSummaryWire, { method: "GET", path: "/nodes?view=summary" }, options)),
    optional(clusterStatus(transport, options)),
  ]);
  const machines = new Map(summary?.data.summary.map((machine) => [machine.raylet?.nodeId, machine]));
  return listed.data.result.result.map((node) => {
    const machine = machines.get(node.node_id);
    const usage = status?.usageByNode[node.node_id];
    const [total, available] = machine?.mem ?? [];
    return {
      nodeId: node.node_id,
      ip: node.node_ip ?? null,
      hostname: machine?.hostname ?? null,
      name: node.node_name ?? null,
      state: node.state,
      stateMessage: node.state_message ?? null,
      isHead: node.is_head_node ?? false,
      resources: node.resources_total ?? {},
      used: usage ? Object.fromEntries(Object.entries(usage).map(([name, [used]]) => [name, used])) : null,
      cpuPercent: machine?.cpu ?? null,
      machineMemory: total === undefined || available === undefined ? null : { total, available },
      labels: node.labels ?? {},
      startTime: node.start_time_ms || null,
      endTime: node.end_time_ms || null,
    };
  });
}

async function optional<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof RayError && error.code !== "RAY_ABORTED" && error.code !== "RAY_UNAUTHORIZED") {
      return undefined;
    }
    throw error;
  }
}

function toDemand([resources, count]: [Resources, number]): Demand {
  return { resources, count };
}

function toPlacementGroup([group, count]: [Record<string, unknown>, number]): PlacementGroupDemand {
  const bundles = Array.isArray(group["bundles"]) ? group["bundles"] : [];
  return {
    strategy: typeof group["strategy"] === "string" ? group["strategy"] : null,
    bundles: bundles.filter(isDemand).map(toDemand),
    count,
  };
}

function isDemand(value: unknown): value is [Resources, number] {
  return Array.isArray(value) && typeof value[0] === "object" && typeof value[1] === "number";
}

function restoreKeys<T>(record: Record<string, T>, restore: Restore): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [restore(name), value]));
}
