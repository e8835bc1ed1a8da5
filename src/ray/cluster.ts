import { isTerminal, type RayClient, RayError } from "../ray-client-http/index.ts";
import type { ClusterOperations, FinishedRayJob } from "../task/context.ts";
import { submittedBy } from "./submission.ts";

/** The cluster as operating tasks see it. */
export function createClusterOperations(client: RayClient): ClusterOperations {
  return {
    async nodes() {
      const nodes = await client.nodes();
      return nodes.map((node) => ({
        id: node.nodeId,
        address: node.ip ?? node.hostname ?? "unknown",
        alive: node.state === "ALIVE",
        head: node.isHead,
        cpus: node.resources["CPU"] ?? 0,
      }));
    },
    async pendingDemand() {
      const status = await client.clusterStatus();
      const groups = status.pendingPlacementGroups.flatMap((group) =>
        group.bundles.map((bundle) => ({ resources: bundle.resources, count: bundle.count * group.count })),
      );
      return [...status.pendingDemands, ...groups];
    },
    async finishedRayJobs() {
      const rayJobs = await client.list();
      return rayJobs.flatMap((rayJob): FinishedRayJob[] => {
        const { submissionId, status, metadata, endTime } = rayJob;
        if (submissionId === null || metadata?.["submitted_by"] !== submittedBy || !isTerminal(status))
          return [];
        return [{ submissionId, status: status as FinishedRayJob["status"], endedAt: endTime }];
      });
    },
    async deleteRayJob(submissionId) {
      try {
        return (await client.delete(submissionId)).deleted;
      } catch (error) {
        // Somebody else deleted it in between.
        if (error instanceof RayError && error.code === "RAY_NOT_FOUND") return false;
        throw error;
      }
    },
  };
}
