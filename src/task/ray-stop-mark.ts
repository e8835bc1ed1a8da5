import { defaultCluster } from "./ray-clusters.ts";

/**
 * A Ray job that must stop, as it is kept in Redis: its submission id, with the cluster in front unless that is default,
 * as earlier releases have it. Neither holds an `@`.
 */
export function stopMark({
  submissionId,
  cluster = defaultCluster,
}: {
  submissionId: string;
  cluster?: string | undefined;
}): string {
  return cluster === defaultCluster ? submissionId : `${cluster}@${submissionId}`;
}

export function readStopMark(mark: string): { submissionId: string; cluster: string } {
  const at = mark.indexOf("@");
  if (at === -1) return { submissionId: mark, cluster: defaultCluster };
  return { cluster: mark.slice(0, at), submissionId: mark.slice(at + 1) };
}
