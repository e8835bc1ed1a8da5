import { isTerminal, type RayClient } from "../ray-client-http/index.ts";
import type { TaskLogger } from "../task/context.ts";
import { stopMark } from "../task/ray-stop-mark.ts";
import type { RayClients } from "./clusters.ts";
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

/** A cluster that does not answer keeps none of the others from it; what it ends with is thrown at last. */
export function createRayUpkeep(clients: RayClients): RayUpkeep {
  async function stopOn(
    cluster: string,
    client: RayClient,
    [redisId, stops, areOver]: Parameters<RayUpkeep["stopOrphans"]>,
  ): Promise<string[]> {
    const stopping = new Set(await stops.list());
    const open = (await client.list()).flatMap(({ submissionId, status, metadata }) => {
      if (submissionId === null || isTerminal(status) || stopping.has(stopMark({ submissionId, cluster })))
        return [];
      // Nothing is known of the jobs in another Redis that uses this cluster, so its Ray jobs are left alone.
      const ours = metadata?.["submitted_by"] === submittedBy && metadata["lovage_redis"] === redisId;
      const [, queue] = submissionId.split(":");
      const id = metadata?.["lovage_job_id"];
      return ours && queue !== undefined && id !== undefined ? [{ submissionId, owner: { queue, id } }] : [];
    });
    const over = await areOver(open.map(({ owner }) => owner));
    const orphans = open.flatMap(({ submissionId }, index) => (over[index] === true ? [submissionId] : []));
    for (const submissionId of orphans) await stops.add(stopMark({ submissionId, cluster }));
    return orphans;
  }

  return {
    async stopOrphans(...parts) {
      const each = await Promise.allSettled(
        Object.entries(clients).map(([cluster, client]) => stopOn(cluster, client, parts)),
      );
      for (const one of each) if (one.status === "rejected") throw one.reason;
      return each.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    },
    createReaper: (stops, logger) => createReaper({ clients, stops, logger }),
  };
}
