import { createHash } from "node:crypto";

/** The id of a call's job. Callers' own ids have no `~`, so none can be taken for it. */
export function callId(workflowId: string, place: number): string {
  const id = `${workflowId}~${place}`;
  // Workflows in workflows: ids must not grow without end.
  return id.length <= 128 ? id : `~${createHash("sha256").update(id).digest("hex").slice(0, 40)}`;
}
