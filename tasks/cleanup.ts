import * as z from "zod";
import type { FinishedRayJob, TaskContext } from "#task";
import { Age } from "./age.ts";
import { Reason } from "./health_verdict.ts";
import { reasonOf } from "./health_watch.ts";
import { removeScratch, ScratchCounts } from "./scratch.ts";

/** A Ray job may write a file for hours: younger scratch is removed only when the caller says so. */
const leastScratchAge = 86_400_000;
const progressInterval = 1000;

export const CleanupRequest = z.strictObject({
  /** Jobs that ended longer ago are removed with their results. */
  olderThan: Age.prefault("7d"),
  /** For the logs of jobs that stay. Default: `olderThan`. */
  logsOlderThan: Age.optional(),
  /** For Ray jobs in the cluster's list. Default: `olderThan`. */
  rayJobsOlderThan: Age.optional(),
  /** For unfinished files of crashed programs. Default: `olderThan`, at least a day. */
  scratchOlderThan: Age.optional(),
  /** Only counts. */
  dryRun: z.boolean().default(false),
});

const RayCleanup = z.strictObject({
  deleted: z.number(),
  failed: z.number(),
  /** Set when the cluster could not be asked, or not to the end. */
  unreachable: Reason.optional(),
});

/** What was removed, or would be. */
export const CleanupReport = z.strictObject({
  dryRun: z.boolean(),
  /** By queue. */
  jobs: z.record(z.string(), z.object({ completed: z.number(), failed: z.number() })),
  logs: z.number(),
  ray: RayCleanup,
  scratch: ScratchCounts,
});

/** Removes what is old: logs, jobs, Ray jobs, scratch files. Each step may be repeated after a crash. */
export async function cleanUp(
  input: z.output<typeof CleanupRequest>,
  context: TaskContext,
): Promise<z.infer<typeof CleanupReport>> {
  const { olderThan, dryRun } = input;
  const step = async (fraction: number, message: string) => {
    context.signal.throwIfAborted();
    await context.progress({ fraction, message });
  };
  // Logs first: those of removed jobs go with them, and would otherwise be counted in a dry run only.
  await step(0, "removing old logs");
  const logs = await context.broker.removeLogs(input.logsOlderThan ?? olderThan, dryRun);
  await step(0.25, "removing ended jobs");
  const jobs = await context.broker.removeEnded(olderThan, dryRun);
  await step(0.5, "deleting finished Ray jobs");
  const ray = await deleteRayJobs(input.rayJobsOlderThan ?? olderThan, dryRun, context);
  await step(0.75, "removing scratch files");
  const scratch = await removeScratch(
    {
      folders: [context.settings.datasetsDir, context.settings.modelsDir],
      age: input.scratchOlderThan ?? Math.max(olderThan, leastScratchAge),
      dryRun,
    },
    context,
  );
  await step(1, "done");
  return { dryRun, jobs, logs, ray, scratch };
}

async function deleteRayJobs(
  age: number,
  dryRun: boolean,
  context: TaskContext,
): Promise<z.infer<typeof RayCleanup>> {
  const counts: z.infer<typeof RayCleanup> = { deleted: 0, failed: 0 };
  /** Undefined once the cluster does not answer: it is not asked for each of a thousand Ray jobs then. */
  const ask = async <T>(call: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await call();
    } catch (error) {
      context.signal.throwIfAborted();
      counts.unreachable = reasonOf(error);
      context.logger.warn(
        { err: error },
        "Ray jobs could not be cleaned up; the rest is cleaned all the same",
      );
      return undefined;
    }
  };
  const before = Date.now() - age;
  const finished = (await ask(() => context.cluster.finishedRayJobs())) ?? [];
  const old = finished.filter(({ endedAt }) => endedAt !== null && endedAt < before);
  if (dryRun) return { ...counts, deleted: old.length };
  let told = Date.now();
  for (const [index, rayJob] of old.entries()) {
    context.signal.throwIfAborted();
    const outcome = await ask(() => deleteRayJob(rayJob, context));
    if (outcome === undefined) break;
    if (outcome !== "gone") counts[outcome] += 1;
    if (Date.now() - told < progressInterval) continue;
    told = Date.now();
    const message = `deleting finished Ray jobs: ${index + 1} of ${old.length}`;
    await context.progress({ fraction: 0.5 + (0.25 * (index + 1)) / old.length, message });
  }
  return counts;
}

async function deleteRayJob(
  { submissionId, cluster }: FinishedRayJob,
  context: TaskContext,
): Promise<"deleted" | "gone" | "failed"> {
  try {
    return (await context.cluster.deleteRayJob(submissionId, cluster)) ? "deleted" : "gone";
  } catch (error) {
    // The cluster answered, so it is the fault of this one Ray job.
    const { code } = error as { code?: unknown };
    if (code !== "RAY_REJECTED" && code !== "RAY_CONFLICT") throw error;
    context.logger.warn({ err: error, submissionId, cluster }, "a Ray job could not be deleted");
    return "failed";
  }
}
