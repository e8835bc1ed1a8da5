import { createHash } from "node:crypto";
import type { Keys } from "./keys.ts";

/** The id of a call's job. Callers' own ids have no `~`, so none can be taken for it. */
export function callId(
  { shards, shardOf }: Pick<Keys, "shards" | "shardOf">,
  workflowId: string,
  place: number,
): string {
  const id = `${workflowId}~${place}`;
  if (id.length <= 128) return id;
  // Workflows in workflows: ids must not grow without end. A call is in its workflow's shard, which its id must tell.
  const shard = shards.length === 1 ? "" : `${shardOf(workflowId)}~`;
  return `~${shard}${createHash("sha256").update(id).digest("hex").slice(0, 40)}`;
}
