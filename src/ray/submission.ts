import { createHash } from "node:crypto";
import { LovageError } from "../core/errors.ts";
import type { RayDefinition } from "../task/definition.ts";

/** What is the same for every Ray job of a deployment. */
export interface RaySettings {
  /** What tells the jobs of this Redis from those of another on the same cluster: the prefix of its keys. */
  world: string;
  /** What tells this Redis from every other that uses the cluster; without it Ray jobs are never taken for orphans. */
  redisId?: string;
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
  /** The cluster that the call asked for, instead of its task's. */
  cluster?: string | undefined;
  /** Milliseconds since 1970: an id that was free again after its job was removed is another job's. */
  enqueuedAt: number;
}

/**
 * Linux takes no text over 128 KiB in one environment variable (MAX_ARG_STRLEN). Ray gives the driver its whole
 * environment once more in one variable, as ASCII JSON; room is left for what Ray adds to it.
 */
export const maxEnvironmentBytes = 124 * 1024;

/** What tells Lovage's Ray jobs from anybody else's in the cluster's list. */
export const submittedBy = "lovage";

/**
 * The id is made from the attempt, so that the same attempt can never start two programs. Ray takes letters, digits,
 * `_.:-` only, and an id must never be used again, not even after it was deleted: the four bytes before the attempt
 * tell this job from an earlier one of the same id, and from one of another world.
 */
export function submissionId(attempt: RayAttempt, world: string): string {
  const safe = (text: string) => text.replaceAll(/[^A-Za-z0-9_.-]/g, "_");
  const born = createHash("sha256").update(`${world}\n${attempt.enqueuedAt}`).digest("hex").slice(0, 8);
  return `lovage:${safe(attempt.queue)}:${safe(attempt.jobId)}:${born}:a${attempt.attempt}`;
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

/** What lets a program's spans join the trace of its job. */
export interface RayTrace {
  /** Of the attempt, as W3C writes it. */
  traceparent: string;
  /** Where the program sends its spans. No headers: what they hold is secret, and Ray shows a program's environment. */
  endpoint: string | undefined;
}

/** @throws LovageError `DATA_TOO_LARGE` when the input does not fit into an environment variable */
export function buildSubmission(
  definition: RayDefinition,
  attempt: RayAttempt,
  input: unknown,
  packageUri: string,
  settings: RaySettings,
  trace?: RayTrace,
): Submission {
  const text = JSON.stringify(input);
  const id = submissionId(attempt, settings.world);
  const runtimeEnv: Record<string, unknown> = {
    working_dir: packageUri,
    env_vars: {
      PYTHONUNBUFFERED: "1",
      RAY_DATA_DISABLE_PROGRESS_BARS: "1",
      ...(trace && traceVariables(trace)),
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
  refuseTooLarge(runtimeEnv);
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
      ...(settings.redisId !== undefined && { lovage_redis: settings.redisId }),
    },
    ...(cpus !== undefined && { entrypointNumCpus: cpus }),
    ...(gpus !== undefined && { entrypointNumGpus: gpus }),
    ...(memory !== undefined && { entrypointMemory: memory }),
    ...(custom !== undefined && { entrypointResources: custom }),
    ...(labels !== undefined && { entrypointLabelSelector: labels }),
  };
}

/** OpenTelemetry's own names, so that other libraries in the program find them too. */
function traceVariables({ traceparent, endpoint }: RayTrace): Record<string, string> {
  return { TRACEPARENT: traceparent, ...(endpoint && { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }) };
}

function refuseTooLarge(runtimeEnv: Record<string, unknown>): void {
  const size = asciiJsonLength(runtimeEnv);
  if (size <= maxEnvironmentBytes) return;
  throw new LovageError(
    "DATA_TOO_LARGE",
    `the Ray job's environment, which carries the input, takes ${size} bytes as Ray writes it, more than ${maxEnvironmentBytes}`,
    {
      field: "input",
      value: size,
      hint: "write what is large to a file in the datasets folder and pass its path",
    },
  );
}

/** The length of a value as Python's `json.dumps` writes it: what is not ASCII takes six characters a UTF-16 unit. */
function asciiJsonLength(value: unknown): number {
  const text = JSON.stringify(value);
  const wide = text.match(/[^ -~]/g)?.length ?? 0;
  return text.length + 5 * wide;
}
