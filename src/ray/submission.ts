import { LovageError } from "../core/errors.ts";
import type { RayDefinition } from "../task/definition.ts";

/** What is the same for every Ray job of a deployment. */
export interface RaySettings {
  /** The folders as the Ray nodes see them. */
  datasetsDir: string;
  modelsDir: string;
  uriSchemes: readonly string[];
  /** Lines of a requirements file for pip, when the cluster lacks them. */
  pip: readonly string[] | undefined;
  /** Milliseconds a job waits for a cluster that does not answer. */
  unavailableTimeout: number;
}

/** Which attempt a Ray job is for. */
export interface RayAttempt {
  jobId: string;
  task: string;
  queue: string;
  attempt: number;
}

/** Linux takes no longer text in one environment variable (MAX_ARG_STRLEN is 128 KiB); room is left for the name. */
export const maxRayInputBytes = 120 * 1024;

/** What tells Lovage's Ray jobs from anybody else's in the cluster's list. */
export const submittedBy = "lovage";

/**
 * The id is made from the attempt, so that the same attempt can never start two programs. Ray takes letters, digits,
 * `_.:-` only, and an id must never be used again, not even after it was deleted.
 */
export function submissionId(attempt: RayAttempt): string {
  const safe = (text: string) => text.replaceAll(/[^A-Za-z0-9_.-]/g, "_");
  return `lovage:${safe(attempt.queue)}:${safe(attempt.jobId)}:a${attempt.attempt}`;
}

/** What Ray's submit takes; the field names are the Ray client's. */
export interface Submission {
  entrypoint: string;
  submissionId: string;
  runtimeEnv: Record<string, unknown>;
  metadata: Record<string, string>;
  entrypointNumCpus?: number;
  entrypointNumGpus?: number;
  entrypointMemory?: number;
  entrypointResources?: Record<string, number>;
  entrypointLabelSelector?: Record<string, string>;
}

/** @throws LovageError `DATA_TOO_LARGE` when the input does not fit into an environment variable */
export function buildSubmission(
  definition: RayDefinition,
  attempt: RayAttempt,
  input: unknown,
  packageUri: string,
  settings: RaySettings,
): Submission {
  const text = JSON.stringify(input);
  const size = Buffer.byteLength(text);
  if (size > maxRayInputBytes) {
    throw new LovageError(
      "DATA_TOO_LARGE",
      `the input of a Ray task has ${size} bytes, more than ${maxRayInputBytes}`,
      {
        field: "input",
        value: size,
        hint: "write it to a file in the datasets folder and pass its path",
      },
    );
  }
  const id = submissionId(attempt);
  const runtimeEnv: Record<string, unknown> = {
    working_dir: packageUri,
    env_vars: {
      PYTHONUNBUFFERED: "1",
      RAY_DATA_DISABLE_PROGRESS_BARS: "1",
      ...definition.environment,
      LOVAGE_INPUT: text,
      LOVAGE_JOB_ID: attempt.jobId,
      LOVAGE_TASK: attempt.task,
      LOVAGE_ATTEMPT: String(attempt.attempt),
      LOVAGE_SUBMISSION_ID: id,
      LOVAGE_DATASETS_DIR: settings.datasetsDir,
      LOVAGE_MODELS_DIR: settings.modelsDir,
      LOVAGE_URI_SCHEMES: settings.uriSchemes.join(","),
    },
  };
  if (settings.pip !== undefined) runtimeEnv["pip"] = [...settings.pip];
  const { cpus, gpus, memory, custom, labels } = definition.resources;
  return {
    // The file's name was checked when the task was defined, so no shell can read anything else into it.
    entrypoint: `python ${definition.program}`,
    submissionId: id,
    runtimeEnv,
    metadata: {
      submitted_by: submittedBy,
      lovage_job_id: attempt.jobId,
      lovage_task: attempt.task,
      lovage_attempt: String(attempt.attempt),
    },
    ...(cpus !== undefined && { entrypointNumCpus: cpus }),
    ...(gpus !== undefined && { entrypointNumGpus: gpus }),
    ...(memory !== undefined && { entrypointMemory: memory }),
    ...(custom !== undefined && { entrypointResources: custom }),
    ...(labels !== undefined && { entrypointLabelSelector: labels }),
  };
}
