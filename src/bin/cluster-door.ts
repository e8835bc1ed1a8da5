import type { Config } from "../config/index.ts";
import type { ClusterDoor } from "../core/cluster.ts";
import { submittedBy } from "../ray/submission.ts";
import { openRay } from "./ray.ts";

/** The cluster as `lovage ray …` shows it. */
export function openClusterDoor(config: Config): ClusterDoor {
  const ray = openRay(config);
  return {
    async nodes() {
      const nodes = await ray.nodes();
      return nodes.map((node) => ({
        id: node.nodeId,
        address: node.ip ?? node.hostname ?? "unknown",
        alive: node.state === "ALIVE",
        head: node.isHead,
        cpus: node.resources["CPU"] ?? 0,
        cpusUsed: node.used?.["CPU"] ?? null,
        memory: node.resources["memory"] ?? null,
      }));
    },
    async rayJobs() {
      const rayJobs = await ray.list();
      return rayJobs.flatMap((rayJob) => {
        // Drivers that were not submitted as Ray jobs have no submission id.
        if (rayJob.submissionId === null) return [];
        const ours = rayJob.metadata?.["submitted_by"] === submittedBy ? rayJob.metadata : undefined;
        return [
          {
            submissionId: rayJob.submissionId,
            status: rayJob.status,
            entrypoint: rayJob.entrypoint,
            jobId: ours?.["lovage_job_id"] ?? null,
            task: ours?.["lovage_task"] ?? null,
            attempt: ours === undefined ? null : Number(ours["lovage_attempt"]),
            startedAt: rayJob.startTime === null ? null : new Date(rayJob.startTime),
            endedAt: rayJob.endTime === null ? null : new Date(rayJob.endTime),
            message: rayJob.message,
          },
        ];
      });
    },
    close: () => ray.close(),
  };
}
