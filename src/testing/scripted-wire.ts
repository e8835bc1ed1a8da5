import { toMilliseconds } from "../core/durations.ts";
import { failureLine, progressLine, resultLine } from "./program-lines.ts";
import { resultOf, type ScriptedRayJob } from "./scripted-jobs.ts";

/** A Ray job of a scripted cluster, as a test looks at it. */
export interface SubmittedRayJob {
  readonly submissionId: string;
  /** The file that was to run; the whole command where it is no `python file.py`. */
  readonly program: string;
  /** What the program would read. */
  readonly input: unknown;
  readonly metadata: Readonly<Record<string, string>>;
  readonly status: "PENDING" | "RUNNING" | "SUCCEEDED" | "FAILED" | "STOPPED";
}

export interface RunningScript extends SubmittedRayJob {
  readonly script: ScriptedRayJob;
  readonly entrypoint: string;
  readonly begun: number;
  stoppedAt?: number;
}

const nodeId = "scripted-node";

export function statusOf({ script, begun, stoppedAt }: RunningScript): SubmittedRayJob["status"] {
  if (stoppedAt !== undefined) return "STOPPED";
  const age = Date.now() - begun - toMilliseconds(script.pending ?? 0, "pending");
  if (age < 0) return "PENDING";
  if (age < toMilliseconds(script.running ?? 0, "running")) return "RUNNING";
  return script.ends ?? (script.failure === undefined ? "SUCCEEDED" : "FAILED");
}

export function isOver(status: string): boolean {
  return status !== "PENDING" && status !== "RUNNING";
}

export function logOf(job: RunningScript): string {
  const { script } = job;
  const status = statusOf(job);
  if (status === "PENDING") return "";
  const lines = [...(script.log ?? []), ...(script.progress ?? []).map(progressLine)];
  if (status === "FAILED" && script.failure !== undefined) lines.push(failureLine(script.failure));
  if (status === "SUCCEEDED") lines.push(resultLine(resultOf(script, job.input)));
  return lines.map((line) => `${line}\n`).join("");
}

export function wireJob(job: RunningScript) {
  const status = statusOf(job);
  const failed = status === "FAILED";
  return {
    type: "SUBMISSION",
    job_id: null,
    submission_id: job.submissionId,
    driver_info: null,
    status,
    entrypoint: job.entrypoint,
    message: failed ? "the scripted program failed" : "",
    error_type: failed ? "JOB_ENTRYPOINT_COMMAND_ERROR" : null,
    start_time: job.begun,
    end_time: isOver(status) ? Date.now() : null,
    metadata: job.metadata,
    runtime_env: {},
    driver_agent_http_address: null,
    driver_node_id: isOver(status) ? nodeId : null,
    driver_exit_code: isOver(status) && status !== "STOPPED" ? Number(failed) : null,
  };
}

export const wireNodes = {
  data: {
    result: {
      result: [
        {
          node_id: nodeId,
          node_ip: "127.0.0.1",
          is_head_node: true,
          state: "ALIVE",
          resources_total: { CPU: 4 },
          labels: {},
        },
      ],
    },
  },
};
