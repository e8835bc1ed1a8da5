import { errorCodes, LovageError } from "../core/errors.ts";
import type { GivenUpJob, HeldJob } from "../queue/held-job.ts";
import { builtins } from "../task/builtin.ts";
import type { AnyTask, Catalogue } from "../task/catalogue.ts";
import type { Outcome } from "../task/execute.ts";
import type { RunHookRunner } from "../task/run-hooks.ts";
import type { AdmissionDesk } from "./admission.ts";
import type { Continuations } from "./continuations.ts";
import type { RayJobs } from "./ray-jobs.ts";
import type { RayRuns } from "./ray-runs.ts";

export interface EndingParts {
  catalogue: Catalogue;
  continuations: Continuations;
  rayJobs: RayJobs;
  rayRuns: RayRuns;
  desk: AdmissionDesk;
  /** Undefined where there are no hooks. */
  hooks: RunHookRunner | undefined;
}

/** What follows the end of an attempt, in the one place that each passes. */
export interface Endings {
  /** Whether anything follows at all: of most completed jobs nothing does. */
  needed(job: HeldJob, decided: Outcome): boolean;
  /** @returns the outcome, or `handed-back` when what follows from it could not be done */
  after(job: HeldJob, decided: Outcome): Promise<Outcome>;
  /** A job that failed without being run again, because its workers died too often. */
  givenUp(job: GivenUpJob): Promise<Outcome>;
}

export function createEndings(parts: EndingParts): Endings {
  const { catalogue, continuations, rayJobs, rayRuns, desk, hooks } = parts;
  const tasks = new Map<string, AnyTask>(
    [...catalogue.tasks, ...builtins.values()].map((task) => [task.name, task]),
  );

  /** Neither a Ray job nor the calls of a workflow go on for a job that is over. */
  async function endWhatItBegan(
    job: Pick<HeldJob, "id" | "task" | "readRayJob" | "workflow">,
  ): Promise<void> {
    const isWorkflow = tasks.get(job.task)?.workflow === true;
    await Promise.all([
      rayJobs.leaveToReaper(job),
      isWorkflow && job.workflow().cancelCalls("its workflow has ended"),
    ]);
  }

  async function tidyUp(job: HeldJob, outcome: Outcome): Promise<Outcome> {
    try {
      await endWhatItBegan(job);
      if (outcome.type === "failed" || outcome.type === "expired") {
        await continuations.failed(job, outcome.error);
      }
      return outcome;
    } catch (cause) {
      const error = new LovageError("LOCK_LOST", "what follows the job's end could not be done", { cause });
      return { type: "handed-back", error };
    }
  }

  /** A job that was dropped before it began may stand in a line, or have been given a slot. */
  async function giveUpPlace(job: HeldJob): Promise<void> {
    const task = tasks.get(job.task);
    if (task !== undefined && desk.isLimited(task)) await desk.forget(task, job);
  }

  return {
    needed: (job, { type }) => type !== "completed" || hooks !== undefined || rayRuns.ran(job),
    async after(job, decided) {
      if (rayRuns.ran(job)) {
        await rayRuns.end(job);
        if (decided.type === "completed") await rayJobs.leaveToReaper(job);
      }
      const outcome = isFinal(decided) ? await tidyUp(job, decided) : decided;
      if (outcome.type === "cancelled" || outcome.type === "expired") await giveUpPlace(job);
      if (hooks !== undefined) await hooks.ended(job, outcome);
      return outcome;
    },
    async givenUp(job) {
      await endWhatItBegan(job);
      const error = new LovageError("JOB_STALLED", errorCodes.JOB_STALLED.meaning);
      await continuations.failed(job, error);
      const { id, task, queue, data, attempt, attempts, fence, enqueuedAt, signal } = job;
      // BullMQ has counted the last attempt by then.
      const told = { id, task, queue, data, attempt: attempt - 1, attempts, fence, enqueuedAt, signal };
      const outcome: Outcome = { type: "failed", error };
      await hooks?.ended(told, outcome);
      return outcome;
    },
  };
}

function isFinal({ type }: Outcome): boolean {
  return type === "failed" || type === "cancelled" || type === "expired";
}
