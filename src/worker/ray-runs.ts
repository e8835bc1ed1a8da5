import { LovageError } from "../core/errors.ts";
import type { HeldJob } from "../queue/held-job.ts";
import type { Attempt } from "../task/execute.ts";
import { type RayDefinition, type RayProgram, readRayProgram } from "../task/ray-program.ts";

/** The Ray jobs that ordinary tasks run as part of their work, one an attempt. */
export interface RayRuns {
  /** @throws LovageError `RAY_JOB_SECOND`, `TASK_INVALID`, and whatever ends the Ray job */
  run(attempt: Attempt<HeldJob>, program: RayProgram, input: unknown): Promise<unknown>;
  /** Whether the job waits for a Ray job now. */
  waits(job: object): boolean;
  /** Whether the job's attempt ran one. */
  ran(job: object): boolean;
  /** At the attempt's end: stops a Ray job that the task left behind. */
  end(job: HeldJob): Promise<void>;
}

type Start = (
  definition: RayDefinition,
  attempt: Attempt<HeldJob>,
  input: unknown,
  signal: AbortSignal,
) => Promise<unknown>;

export function createRayRuns(start: Start): RayRuns {
  const runs = new Map<object, { left: AbortController; running: Promise<unknown>; waits: boolean }>();

  async function run(attempt: Attempt<HeldJob>, program: RayProgram, input: unknown): Promise<unknown> {
    const { task, delivery, signals } = attempt;
    const definition = readRayProgram(task.name, program);
    if (runs.has(delivery)) {
      throw new LovageError("RAY_JOB_SECOND", `${task.name} asked for a second Ray job, ${program.program}`, {
        field: "program",
        value: program.program,
        hint: "let one program do the work, or enqueue a Ray task for each",
      });
    }
    const left = new AbortController();
    const running = start(definition, attempt, input, AbortSignal.any([signals.task, left.signal]));
    const entry = { left, running, waits: true };
    runs.set(delivery, entry);
    try {
      return await running;
    } finally {
      entry.waits = false;
    }
  }

  return {
    run(attempt, program, input) {
      const result = run(attempt, program, input);
      // Nobody may wait for it: a task that leaves it behind must not end the worker with an unhandled rejection.
      result.catch(() => {});
      return result;
    },
    waits: (job) => runs.get(job)?.waits === true,
    ran: (job) => runs.has(job),
    async end(job) {
      const entry = runs.get(job);
      if (entry === undefined) return;
      runs.delete(job);
      entry.left.abort(new LovageError("JOB_CANCELLED", "the task ended without waiting for its Ray job"));
      await entry.running.catch(() => {});
    },
  };
}
