import * as z from "zod";
import type { RayHost } from "./host.ts";

const RayRecord = z.looseObject({
  submissionId: z.string(),
  /** The cluster's name; absent: default, as an earlier release has it. */
  cluster: z.string().optional(),
  /** The attempt it was submitted for; a later attempt may have adopted it. */
  attempt: z.number(),
  /** Changes when the cluster is replaced. */
  sessionName: z.string(),
  /** Milliseconds since 1970, by this worker's clock: the cluster's may differ. */
  submittedAt: z.number(),
  runningSince: z.number().optional(),
  /** The verdict, once a deadline has passed and its stop has begun: whoever goes on comes to the same. */
  overdue: z.looseObject({ code: z.string(), message: z.string(), retryable: z.boolean() }).optional(),
  /** Whether it is known to have ended, or never to have begun. */
  settled: z.boolean(),
});

/** What is kept with the job about its Ray job, so that any worker can go on with it. */
export type RayRecord = z.infer<typeof RayRecord>;

export function parseRecord(json: string | undefined): RayRecord | undefined {
  return json === undefined ? undefined : RayRecord.parse(JSON.parse(json));
}

/** How far a Ray job's log is mirrored: characters, up to the end of a line. */
export function formatCursor(submissionId: string, offset: number): string {
  return `${submissionId}@${offset}`;
}

/** The offset of a cursor; 0 when there is none, or it belongs to another Ray job. */
export function parseCursor(cursor: string | undefined, submissionId: string): number {
  return cursor?.startsWith(`${submissionId}@`) ? Number(cursor.slice(submissionId.length + 1)) : 0;
}

/** Changes the record and keeps it with the job. @throws LovageError `LOCK_LOST` when another worker holds the job by now */
export async function writeRecord(
  host: RayHost,
  record: RayRecord,
  changes: Partial<RayRecord>,
): Promise<void> {
  Object.assign(record, changes);
  await host.writeRayJob(JSON.stringify(record));
}
