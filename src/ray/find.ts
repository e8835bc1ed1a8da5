import { LovageError } from "../core/errors.ts";
import { RayError, type RayJob } from "../ray-client-http/index.ts";
import type { RayHost } from "./host.ts";
import { patienceOf, type RayParts } from "./parts.ts";
import { withPatience } from "./patience.ts";
import { type RayRecord, writeRecord } from "./record.ts";

/** A Ray job that was submitted, or undefined when the cluster does not know it; waits with a silent cluster. */
export async function find(parts: RayParts, id: string, host: RayHost): Promise<RayJob | undefined> {
  const patience = { ...patienceOf(host, parts), unauthorizedToo: true };
  return withPatience(patience, async (options) => {
    try {
      return await parts.client.get(id, options);
    } catch (error) {
      if (error instanceof RayError && error.code === "RAY_NOT_FOUND") return undefined;
      throw error;
    }
  });
}

/** @throws LovageError `RAY_CLUSTER_REPLACED` when the cluster is not the one that the Ray job was submitted to */
export async function refuseReplaced(parts: RayParts, record: RayRecord, host: RayHost): Promise<void> {
  const patience = { ...patienceOf(host, parts), unauthorizedToo: true };
  const { sessionName } = await withPatience(patience, (options) => parts.client.version(options));
  if ((sessionName ?? "") === record.sessionName) return;
  await writeRecord(host, record, { settled: true });
  throw new LovageError(
    "RAY_CLUSTER_REPLACED",
    `the Ray cluster was replaced, and with it the Ray job ${record.submissionId} is gone`,
  );
}
