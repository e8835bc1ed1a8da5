import type { z } from "zod";
import { RayError } from "./errors.ts";
import type { JobWire } from "./shapes.ts";

export type RayJobStatus = "PENDING" | "RUNNING" | "STOPPED" | "SUCCEEDED" | "FAILED";

/** What Ray knows of a Ray job; null where it says nothing (yet). */
export interface RayJob {
  /** `SUBMISSION` for those submitted by this API, `DRIVER` for programs that connected by themselves. */
  type: string;
  jobId: string | null;
  submissionId: string | null;
  status: RayJobStatus;
  entrypoint: string;
  /** Ray's words; of a failed one the last ten lines of its log. */
  message: string | null;
  /** Ray's own class of failure, such as `RUNTIME_ENV_SETUP_FAILURE`. */
  errorType: string | null;
  /** Milliseconds since 1970, by the cluster's clock. */
  startTime: number | null;
  /** Milliseconds since 1970, by the cluster's clock. */
  endTime: number | null;
  metadata: Record<string, string> | null;
  runtimeEnv: Record<string, unknown> | null;
  driverInfo: { id: string | null; nodeIpAddress: string | null; pid: string | null } | null;
  driverNodeId: string | null;
  driverExitCode: number | null;
  driverAgentHttpAddress: string | null;
}

/** Whether a Ray job of this status will never change again. */
export function isTerminal(status: RayJobStatus): boolean {
  return status === "STOPPED" || status === "SUCCEEDED" || status === "FAILED";
}

export function toRayJob(wire: z.infer<typeof JobWire>): RayJob {
  const driver = wire.driver_info ?? null;
  return {
    type: wire.type ?? "SUBMISSION",
    jobId: wire.job_id ?? null,
    submissionId: wire.submission_id ?? null,
    status: wire.status,
    entrypoint: wire.entrypoint ?? "",
    message: wire.message ?? null,
    errorType: wire.error_type ?? null,
    startTime: wire.start_time ?? null,
    endTime: wire.end_time ?? null,
    metadata: wire.metadata
      ? Object.fromEntries(Object.entries(wire.metadata).map(([key, value]) => [key, String(value)]))
      : null,
    runtimeEnv: wire.runtime_env ?? null,
    driverInfo: driver && {
      id: driver.id ?? null,
      nodeIpAddress: driver.node_ip_address ?? null,
      pid: driver.pid ?? null,
    },
    driverNodeId: wire.driver_node_id ?? null,
    driverExitCode: wire.driver_exit_code ?? null,
    driverAgentHttpAddress: wire.driver_agent_http_address ?? null,
  };
}

/**
 * The path of a Ray job. Ray answers an id with a slash with a 500 and keeps a PENDING ghost that cannot be addressed,
 * so an id is checked before anything is sent.
 * @throws RayError `RAY_REJECTED`
 */
export function jobPath(id: string, rest = ""): string {
  return `/api/jobs/${checkId(id)}${rest}`;
}

/** @throws RayError `RAY_REJECTED` for an id with other characters than `A-Z a-z 0-9 _ . : -`, or of dots only. */
export function checkId(id: string): string {
  if (!/^[A-Za-z0-9_.:-]{1,256}$/.test(id) || /^\.+$/.test(id)) {
    throw new RayError(
      "RAY_REJECTED",
      `"${String(id).slice(0, 80)}" is no usable id of a Ray job: use 1 to 256 of A-Z a-z 0-9 _ . : -`,
    );
  }
  return id;
}
