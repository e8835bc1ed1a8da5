import { z } from "zod";
import { type ClusterStatus, clusterStatus, nodes, type RayNode } from "./cluster.ts";
import { jobPath, type RayJob, toRayJob } from "./jobs.ts";
import { type LogsOptions, type LogTailRequest, logs, logTail } from "./logs.ts";
import type { CallOptions, RayClientOptions } from "./options.ts";
import { createPackages, type Packages } from "./packages.ts";
import { DeleteWire, JobWire, StopWire, VersionWire } from "./shapes.ts";
import { type Submission, type SubmitRequest, submit } from "./submit.ts";
import { isSupervised } from "./supervision.ts";
import { type LogPiece, type TailOptions, tail } from "./tail.ts";
import { createTransport } from "./transport.ts";
import { type WaitOptions, waitForEnd } from "./wait.ts";

export interface RayVersion {
  /** Of the API, "4". */
  version: string;
  rayVersion: string;
  rayCommit: string | null;
  /** Changes when the cluster is replaced: its Ray jobs are then gone. */
  sessionName: string | null;
}

/** Every method throws a {@link RayError}; an `id` is a submission id or Ray's own job id. */
export interface RayClient {
  version(options?: CallOptions): Promise<RayVersion>;
  /** Starts a program at most once: a lost answer is settled by looking, an id that exists is not an error. */
  submit(request: SubmitRequest, options?: CallOptions): Promise<Submission>;
  /** @throws RayError `RAY_NOT_FOUND` */
  get(id: string, options?: CallOptions): Promise<RayJob>;
  /** Whether the program's supervisor lives: of a FAILED one it tells that Ray is wrong, and the program goes on. */
  isSupervised(id: string, options?: CallOptions): Promise<boolean>;
  /** All Ray jobs; Ray never drops any, and neither pages nor filters: not for polling. */
  list(options?: CallOptions): Promise<RayJob[]>;
  /** Asks for the end. A PENDING one answers true and goes on: repeat it until the Ray job is terminal. */
  stop(id: string, options?: CallOptions): Promise<{ stopped: boolean }>;
  /** Forgets a terminal Ray job; its log file stays. @throws RayError `RAY_CONFLICT` while it is not terminal. */
  delete(id: string, options?: CallOptions): Promise<{ deleted: boolean }>;
  /** The whole log; empty before the program has started. */
  logs(id: string, options?: LogsOptions): Promise<string>;
  logTail(id: string, request: LogTailRequest, options?: LogsOptions): Promise<string>;
  /** Follows the log until Ray ends it, which says nothing about the status: ask `get`, and go on from `offset`. */
  tail(id: string, options?: TailOptions): AsyncGenerator<LogPiece, void, undefined>;
  packages: Packages;
  clusterStatus(options?: CallOptions): Promise<ClusterStatus>;
  nodes(options?: CallOptions): Promise<RayNode[]>;
  /** Polls until the Ray job is terminal, whatever its verdict. */
  wait(id: string, options?: WaitOptions): Promise<RayJob>;
  /** Ends all calls and tails with `RAY_ABORTED` and the connections with them. May be called twice. */
  close(): Promise<void>;
}

/**
 * Makes a client; nothing is sent yet.
 * @throws RayError `RAY_ADDRESS_INVALID` when the address, the token, a header or the CA cannot be used.
 */
export function createRayClient(options: RayClientOptions): RayClient {
  const transport = createTransport(options);

  async function get(id: string, call?: CallOptions): Promise<RayJob> {
    return toRayJob(await transport.ask(JobWire, { method: "GET", path: jobPath(id) }, call));
  }

  return {
    async version(call) {
      const wire = await transport.ask(VersionWire, { method: "GET", path: "/api/version" }, call);
      return {
        version: wire.version,
        rayVersion: wire.ray_version,
        rayCommit: wire.ray_commit ?? null,
        sessionName: wire.session_name ?? null,
      };
    },
    submit: (request, call) => submit(transport, request, call),
    get,
    isSupervised: (id, call) => isSupervised(transport, id, call),
    async list(call) {
      // Without its last slash Ray answers 404.
      const wire = await transport.ask(z.array(JobWire), { method: "GET", path: "/api/jobs/" }, call);
      return wire.map(toRayJob);
    },
    async stop(id, call) {
      const request = { method: "POST", path: jobPath(id, "/stop"), repeatable: true } as const;
      return { stopped: (await transport.ask(StopWire, request, call)).stopped };
    },
    async delete(id, call) {
      const request = { method: "DELETE", path: jobPath(id) } as const;
      return { deleted: (await transport.ask(DeleteWire, request, call)).deleted };
    },
    logs: (id, call) => logs(transport, id, call),
    logTail: (id, request, call) => logTail(transport, id, request, call),
    tail: (id, call) => tail(transport, id, call),
    packages: createPackages(transport),
    clusterStatus: (call) => clusterStatus(transport, call),
    nodes: (call) => nodes(transport, call),
    wait: (id, call) => waitForEnd(transport, get, id, call),
    close: () => transport.close(),
  };
}
