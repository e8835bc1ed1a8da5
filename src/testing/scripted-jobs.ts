import type { Duration } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";

/** What one Ray job does in a test, instead of a program on a cluster. */
export interface ScriptedRayJob {
  /** Only for this program; default: for any. */
  program?: string;
  /** The program's result, or what makes it of the input. Default null. */
  result?: unknown;
  /** Ends it as `lovage_job.py` ends a program that failed; `retry` (default false) as the program says it. */
  failure?: { code: string; message: string; retry?: boolean; field?: string; value?: string; hint?: string };
  /** Told in order before the end. */
  progress?: readonly { fraction: number | null; message?: string }[];
  /** Printed lines. */
  log?: readonly string[];
  /** How long it is PENDING, and then RUNNING, on a scripted cluster. Default 0; `perform` does not wait. */
  pending?: Duration;
  running?: Duration;
  /** An end of Ray's own: FAILED without a word of the program, or STOPPED by somebody. */
  ends?: "FAILED" | "STOPPED";
}

/** Ray jobs in the order in which they are used, each once; a single one is used for every program. */
export type RayScript = ScriptedRayJob | readonly ScriptedRayJob[];

/** Gives the script of each Ray job that is started. @throws LovageError `RAY_JOB_UNSCRIPTED` */
export function createScripts(script: RayScript | undefined): (program: string) => ScriptedRayJob {
  const left = Array.isArray(script) ? [...script] : undefined;
  return (program) => {
    const fits = (job: ScriptedRayJob) => job.program === undefined || job.program === program;
    const single = script as ScriptedRayJob | undefined;
    if (left === undefined && single !== undefined && fits(single)) return single;
    const index = left?.findIndex(fits) ?? -1;
    const [job] = index < 0 ? [] : (left?.splice(index, 1) ?? []);
    if (job !== undefined) return job;
    throw new LovageError("RAY_JOB_UNSCRIPTED", `no scripted Ray job is left for ${program}`, {
      field: "program",
      value: program,
      hint: `give the test one: { program: ${JSON.stringify(program)}, result: … }`,
    });
  };
}

/** The result of a scripted program, as JSON would bring it. */
export function resultOf({ result = null }: ScriptedRayJob, input: unknown): unknown {
  const value = typeof result === "function" ? result(input) : result;
  return JSON.parse(JSON.stringify(value ?? null));
}

/** The error of a scripted program, if it has one. */
export function failureOf(job: ScriptedRayJob, program: string): LovageError | undefined {
  const { failure, ends } = job;
  if (failure !== undefined) {
    return new LovageError(failure.code, failure.message, { ...failure, retryable: failure.retry ?? false });
  }
  if (ends === "STOPPED") return new LovageError("RAY_JOB_STOPPED", `the Ray job of ${program} was stopped`);
  return ends === "FAILED"
    ? new LovageError("RAY_JOB_FAILED", `the Ray job of ${program} failed`)
    : undefined;
}
