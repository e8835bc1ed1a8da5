import { RayError } from "./errors.ts";
import { checkId, jobPath } from "./jobs.ts";
import type { CallOptions } from "./options.ts";
import { LogsWire } from "./shapes.ts";
import type { Transport } from "./transport.ts";

export interface LogsOptions extends CallOptions {
  /** Bytes of the answer past which reading stops with `RAY_RESPONSE_TOO_LARGE`. Default 64 MiB. */
  maxBytes?: number | undefined;
}

export interface LogTailRequest {
  /** The node the driver ran on: `driverNodeId` of the Ray job. */
  nodeId: string;
  /** How many of the last lines, from 1 to 100,000. */
  lines: number;
}

/** The whole log. Ray reads it into its own memory too: for a large one use `logTail`. */
export async function logs(transport: Transport, id: string, options: LogsOptions = {}): Promise<string> {
  const { maxBytes } = options;
  const request = { method: "GET", path: jobPath(id, "/logs"), ...(maxBytes && { maxBytes }) } as const;
  return (await transport.ask(LogsWire, request, options)).logs ?? "";
}

/**
 * The last lines of a log, read by Ray from the file's end. The file outlives the Ray job's record; it dies with its node.
 * Empty, rarely, for a file that is not there.
 * @throws RayError `RAY_NOT_FOUND` when the node or the file is not there.
 */
export async function logTail(
  transport: Transport,
  id: string,
  { nodeId, lines }: LogTailRequest,
  options: LogsOptions = {},
): Promise<string> {
  // Ray reads 0 as "the default", 1,000 lines, and -1 as the whole file.
  if (!Number.isInteger(lines) || lines < 1 || lines > 100_000) {
    throw new RayError("RAY_REJECTED", `lines is ${lines}; give a whole number from 1 to 100,000`);
  }
  const query = new URLSearchParams({
    node_id: nodeId,
    filename: `job-driver-${checkId(id)}.log`,
    lines: String(lines),
  });
  const { maxBytes } = options;
  const request = {
    method: "GET",
    path: `/api/v0/logs/file?${query}`,
    ...(maxBytes && { maxBytes }),
  } as const;
  const read = async () => (await transport.send(request, options)).toString("utf8");
  // Ray's agent now and then (1 in 30) loses the fault of a missing file and answers an empty 200; a log is never empty.
  return (await read()) || read();
}
