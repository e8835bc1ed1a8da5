import type { Logger } from "../observe/logger.ts";
import { type RepeatedLine, repeatedLine } from "../observe/repeated-line.ts";
import type { HeldJob } from "../queue/held-job.ts";
import type { Outcome } from "../task/execute.ts";

/** What a worker's log says of jobs. */
export interface JobLog {
  /** A logger whose lines carry the job's id, task, queue and attempt. */
  of(job: HeldJob): Logger;
  /** Remembers which Ray job runs for a job, for its lines. */
  noteRayJob(job: HeldJob, submissionId: string): void;
  submissionIdOf(job: HeldJob): string | undefined;
  /** One line a job: at this rate a second one would be what a busy worker mostly does. */
  report(job: HeldJob, outcome: Outcome, milliseconds: number): void;
  /** From now on the worker goes by another name. */
  rename(worker: string): void;
}

export function createJobLog(logger: Logger): JobLog {
  /** By task; a task's jobs mostly come from one queue and succeed at the first attempt. */
  const completions = new Map<string, { queue: string; attempt: number; line: RepeatedLine }>();
  const rayJobs = new WeakMap<HeldJob, string>();

  function lineOf({ task, queue, attempt }: HeldJob): RepeatedLine {
    const known = completions.get(task);
    if (known !== undefined && known.queue === queue && known.attempt === attempt) return known.line;
    const line = repeatedLine(logger, { job: null, task, queue, attempt, milliseconds: null }, "completed");
    completions.set(task, { queue, attempt, line });
    return line;
  }

  return {
    of: ({ id, task, queue, attempt }) => logger.child({ job: id, task, queue, attempt }),
    noteRayJob: (job, submissionId) => void rayJobs.set(job, submissionId),
    submissionIdOf: (job) => rayJobs.get(job),
    report(job, outcome, milliseconds) {
      const submissionId = rayJobs.get(job);
      if (outcome.type === "completed" && submissionId === undefined) {
        lineOf(job)(job.id, milliseconds);
        return;
      }
      const { id, task, queue, attempt } = job;
      const fields = { job: id, task, queue, attempt, ...(submissionId && { submissionId }), milliseconds };
      if (outcome.type === "completed") {
        logger.info(fields, "completed");
        return;
      }
      if (outcome.type === "waiting-children" || outcome.type === "postponed") {
        logger.debug({ ...fields, ...outcome }, outcome.type);
        return;
      }
      const { code, message, cause } = outcome.error;
      const details = {
        ...fields,
        code,
        reason: message,
        ...(cause instanceof Error && { cause: cause.stack }),
      };
      if (outcome.type === "retry")
        logger.warn({ ...details, attempts: job.attempts }, "failed; will be tried again");
      else if (outcome.type === "failed") logger.error(details, "failed");
      else logger.info(details, outcome.type === "handed-back" ? "handed back" : outcome.type);
    },
    rename(worker) {
      logger.setBindings({ worker });
      completions.clear();
    },
  };
}
