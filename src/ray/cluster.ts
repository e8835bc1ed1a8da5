import { isTerminal, type RayClient, RayError, type RayJob } from "../ray-client-http/index.ts";
import type { ClusterOperations, FinishedRayJob } from "../task/context.ts";
import { defaultCluster, unknownCluster } from "../task/ray-clusters.ts";
import type { RayClients } from "./clusters.ts";
import { submittedBy } from "./submission.ts";

/** The clusters as operating tasks see them: the state of the default one, the Ray jobs of all. */
export function createClusterOperations(clients: RayClients): ClusterOperations {
  const clientOf = (cluster = defaultCluster): RayClient => {
    const client = Object.hasOwn(clients, cluster) ? clients[cluster] : undefined;
    if (client === undefined) throw unknownCluster(cluster, Object.keys(clients));
    return client;
  };
  return {
    async nodes() {
      const nodes = await clientOf().nodes();
      return nodes.map((node) => ({
        id: node.nodeId,
        address: node.ip ?? node.hostname ?? "unknown",
        alive: node.state === "ALIVE",
        head: node.isHead,
        cpus: node.resources["CPU"] ?? 0,
      }));
    },
    async pendingDemand() {
      const status = await clientOf().clusterStatus();
      const groups = status.pendingPlacementGroups.flatMap((group) =>
        group.bundles.map((bundle) => ({ resources: bundle.resources, count: bundle.count * group.count })),
      );
      return [...status.pendingDemands, ...groups];
    },
    async finishedRayJobs() {
      const lists = await Promise.allSettled(
        Object.entries(clients).map(async ([cluster, client]) => finishedOf(cluster, await client.list())),
      );
      // One that is away keeps nobody from the others'.
      const answered = lists.filter((list) => list.status === "fulfilled");
      const [first] = lists;
      if (answered.length === 0 && first?.status === "rejected") throw first.reason;
      return answered.flatMap(({ value }) => value);
    },
    async deleteRayJob(submissionId, cluster) {
      try {
        return (await clientOf(cluster).delete(submissionId)).deleted;
      } catch (error) {
        // Somebody else deleted it in between.
        if (error instanceof RayError && error.code === "RAY_NOT_FOUND") return false;
        throw error;
      }
    },
  };
}

function finishedOf(cluster: string, rayJobs: readonly RayJob[]): FinishedRayJob[] {
  return rayJobs.flatMap(({ submissionId, status, metadata, endTime }) => {
    if (submissionId === null || metadata?.["submitted_by"] !== submittedBy || !isTerminal(status)) return [];
    return [{ submissionId, cluster, status: status as FinishedRayJob["status"], endedAt: endTime }];
  });
}
