import { randomBytes } from "node:crypto";
import { type Deadline, startDeadline } from "./deadline.ts";
import { RayError } from "./errors.ts";
import { neverSent } from "./faults.ts";
import { checkId, jobPath, type RayJob, toRayJob } from "./jobs.ts";
import type { CallOptions } from "./options.ts";
import { JobWire, SubmitWire } from "./shapes.ts";
import type { Transport } from "./transport.ts";

/** A program to run on the cluster. */
export interface SubmitRequest {
  /** A shell command, run in the `working_dir`. */
  entrypoint: string;
  /** Never use one twice, not even after `delete`: Ray appends to the old log. Default: `raysubmit_` and random letters. */
  submissionId?: string | undefined;
  /** Such as `{ working_dir: "gcs://_ray_pkg_….zip", env_vars: {…}, pip: […] }`. */
  runtimeEnv?: Record<string, unknown> | undefined;
  metadata?: Record<string, string> | undefined;
  /** For the entrypoint itself. With none of these it runs on the head node. */
  entrypointNumCpus?: number | undefined;
  entrypointNumGpus?: number | undefined;
  /** Bytes, whole. */
  entrypointMemory?: number | undefined;
  entrypointResources?: Record<string, number> | undefined;
  entrypointLabelSelector?: Record<string, string> | undefined;
}

export interface Submission {
  submissionId: string;
  /** True when Ray had a Ray job of this id and entrypoint before this call; nothing was started twice. */
  alreadyExisted: boolean;
}

/**
 * Submits once. Ray starts the program even when the caller hangs up, so a POST is never sent again: when its answer is
 * lost, the id is looked up, more than once, since the POST may still be on its way.
 */
export async function submit(
  transport: Transport,
  request: SubmitRequest,
  options: CallOptions = {},
): Promise<Submission> {
  const submissionId = checkId(request.submissionId ?? generateId());
  if (request.entrypoint.trim() === "") throw new RayError("RAY_REJECTED", "the entrypoint is empty");
  try {
    const answer = await transport.ask(
      SubmitWire,
      {
        method: "POST",
        path: "/api/jobs/",
        json: toWire(request, submissionId),
        timeoutMs: transport.settings.timeouts.submitMs,
      },
      options,
    );
    return { submissionId: answer.submission_id ?? answer.job_id ?? submissionId, alreadyExisted: false };
  } catch (error) {
    if (!(error instanceof RayError)) throw error;
    if (error.code === "RAY_CONFLICT") {
      const job = await find(transport, submissionId, options);
      return { ...confirm(job, request, submissionId, error), alreadyExisted: true };
    }
    if (!isAnswerLost(error)) throw error;
    const job = await settle(transport, submissionId, options);
    return { ...confirm(job, request, submissionId, asRetryable(error)), alreadyExisted: false };
  }
}

/** A 2xx whose body broke or a 5xx tells as little about the program as no answer does. */
function isAnswerLost(error: RayError): boolean {
  if (neverSent(error)) return false;
  if (error.code === "RAY_PROTOCOL") return error.status === 200;
  return error.code === "RAY_TIMEOUT" || error.code === "RAY_UNAVAILABLE";
}

/** With the same id another submit is safe now, whatever came of this one. */
function asRetryable(error: RayError): RayError {
  if (error.retryable) return error;
  const { status, method, path, body } = error;
  const message = `${error.message}; the Ray job is not there`;
  return new RayError("RAY_UNAVAILABLE", message, { status, method, path, body, cause: error });
}

function confirm(job: RayJob | undefined, request: SubmitRequest, submissionId: string, error: RayError) {
  if (job === undefined) throw error;
  if (job.entrypoint !== request.entrypoint) {
    throw new RayError(
      "RAY_CONFLICT",
      `a Ray job ${submissionId} exists with another entrypoint (${job.entrypoint.slice(0, 200)}); use another id`,
      { status: error.status, method: error.method, path: error.path, cause: error },
    );
  }
  return { submissionId };
}

/** Looks for the Ray job until it is there or `settleMs` are over; undefined when it is not, or nobody can tell. */
async function settle(
  transport: Transport,
  submissionId: string,
  { signal }: CallOptions,
): Promise<RayJob | undefined> {
  const { settleMs } = transport.settings.timeouts;
  const path = transport.endpoint.prefix + jobPath(submissionId);
  const deadline: Deadline = startDeadline({ method: "GET", path }, settleMs, transport.closing, signal);
  try {
    for (let pause = 150; ; pause = Math.min(pause * 2, 1_500)) {
      const job = await find(transport, submissionId, { signal: deadline.signal }).catch((error: unknown) => {
        if (error instanceof RayError && error.code === "RAY_UNAUTHORIZED") throw error;
        return undefined;
      });
      if (job !== undefined) return job;
      await deadline.sleep(pause);
    }
  } catch (error) {
    // The end of the looking is no error of its own; the caller's abort is.
    if (deadline.error()?.code === "RAY_TIMEOUT") return undefined;
    throw error;
  } finally {
    deadline.release();
  }
}

async function find(transport: Transport, id: string, options: CallOptions): Promise<RayJob | undefined> {
  try {
    return toRayJob(await transport.ask(JobWire, { method: "GET", path: jobPath(id) }, options));
  } catch (error) {
    if (error instanceof RayError && error.code === "RAY_NOT_FOUND") return undefined;
    throw error;
  }
}

function toWire(request: SubmitRequest, submissionId: string): Record<string, unknown> {
  return {
    entrypoint: request.entrypoint,
    submission_id: submissionId,
    runtime_env: request.runtimeEnv,
    metadata: request.metadata,
    entrypoint_num_cpus: request.entrypointNumCpus,
    entrypoint_num_gpus: request.entrypointNumGpus,
    entrypoint_memory: request.entrypointMemory,
    entrypoint_resources: request.entrypointResources,
    entrypoint_label_selector: request.entrypointLabelSelector,
  };
}

function generateId(): string {
  return `raysubmit_${randomBytes(10).toString("hex")}`;
}
