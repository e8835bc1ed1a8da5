import type { ClusterDoor, ClusterNodeRow, RayJobRow } from "../../core/cluster.ts";
import { type LovageError, toLovageError } from "../../core/errors.ts";
import { shareAnswer } from "../shared-answer.ts";

/** The cluster as it was a moment ago, or why it could not be looked at. */
export type ClusterLook =
  | { at: Date; nodes: ClusterNodeRow[]; rayJobs: RayJobRow[]; error?: never }
  | { at: Date; error: LovageError };

/** Ray's list of Ray jobs is costly and never gets shorter: all who look share one look in so many milliseconds. */
const fresh = 5000;

/** How long the cluster may take, in milliseconds; a page waits for less. */
const deadline = 3000;

/** How old what is shown may be while the cluster takes its time, in milliseconds. */
const stillTrue = 30_000;

/** How long a page waits for the cluster, in milliseconds; then it is shown without, and asks again by itself. */
export const pagePatience = 350;

/** @returns a function that tells of a cluster; undefined while the cluster has not answered yet */
export function createClusterLooks(door: ClusterDoor): (name: string) => Promise<ClusterLook | undefined> {
  const looks = new Map(door.clusters.map(({ name }) => [name, createLooks(door, name)]));
  return async (name) => looks.get(name)?.();
}

function createLooks(cluster: ClusterDoor, name: string): () => Promise<ClusterLook | undefined> {
  let latest: ClusterLook | undefined;
  const look = shareAnswer(async (): Promise<ClusterLook> => {
    const options = { cluster: name, timeout: deadline };
    try {
      const [nodes, rayJobs] = await Promise.all([cluster.nodes(options), cluster.rayJobs(options)]);
      latest = { at: new Date(), nodes, rayJobs };
    } catch (thrown) {
      latest = { at: new Date(), error: toLovageError(thrown, "RAY_UNAVAILABLE") };
    }
    return latest;
  }, fresh);
  // What was seen a moment ago is better than nothing.
  const isRecent = (seen: ClusterLook) => Date.now() - seen.at.getTime() < stillTrue;
  return async () => (await withPatience(look())) ?? (latest && isRecent(latest) ? latest : undefined);
}

/** The answer, or undefined when a page cannot wait for it any longer. */
export async function withPatience<T>(answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, pagePatience, undefined);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
