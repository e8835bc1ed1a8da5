import { isTerminal, type RayClient } from "../ray-client-http/index.ts";
import type { TaskLogger } from "../task/context.ts";
import type { RayStops } from "./host.ts";
import { createReaper, type Reaper } from "./reaper.ts";
import { submittedBy } from "./submission.ts";

/** The job that a Ray job was submitted for. */
interface RayJobOwner {
  queue: string;
  id: string;
}

/** What a scheduler does about Ray jobs. */
export interface RayUpkeep {
  /**
   * Has the Ray jobs of one Redis stopped whose jobs are over: gone, ended or cancelled, while no worker knew.
   * @returns their submission ids
   */
  stopOrphans(
    redisId: string,
    stops: RayStops,
    areOver: (jobs: readonly RayJobOwner[]) => Promise<boolean[]>,
  ): Promise<string[]>;
  createReaper(stops: RayStops, logger: TaskLogger): Reaper;
}

export function createRayUpkeep(client: RayClient): RayUpkeep {
  return {
    async stopOrphans(redisId, stops, areOver) {
      const stopping = new Set(await stops.list());
      const open = (await client.list()).flatMap(({ submissionId, status, metadata }) => {
        if (submissionId === null || isTerminal(status) || stopping.has(submissionId)) return [];
        // Nothing is known of the jobs in another Redis that uses this cluster, so its Ray jobs are left alone.
        const ours = metadata?.["submitted_by"] === submittedBy && metadata["lovage_redis"] === redisId;
        const [, queue] = submissionId.split(":");
        const id = metadata?.["lovage_job_id"];
        return ours && queue !== undefined && id !== undefined
          ? [{ submissionId, owner: { queue, id } }]
          : [];
      });
      const over = await areOver(open.map(({ owner }) => owner));
      const orphans = open.flatMap(({ submissionId }, index) => (over[index] === true ? [submissionId] : []));
      for (const submissionId of orphans) await stops.add(submissionId);
      return orphans;
    },
    createReaper: (stops, logger) => createReaper({ client, stops, logger }),
  };
}
