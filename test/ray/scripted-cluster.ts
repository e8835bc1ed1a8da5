import type { RayHost, RayStops } from "../../src/ray/host.ts";
import { type RayClient, RayError, type RayJob, type RayJobStatus } from "../../src/ray-client-http/index.ts";

/** A cluster that answers as a test says: for faults that a real one cannot be brought to at will. */
export interface ScriptedCluster {
  readonly client: RayClient;
  /** The Ray jobs it knows, by submission id. */
  readonly jobs: Map<string, { status: RayJobStatus; log: string; errorType?: string; supervised?: boolean }>;
  /** What was asked of it, in order: "submit", "get", "stop", "supervised", "upload", "version". */
  readonly calls: string[];
  session: string;
  /** Called before each call is answered; may throw the fault, or wait. */
  before(call: string, signal: AbortSignal | undefined): Promise<void>;
}

export function createScriptedCluster(): ScriptedCluster {
  const jobs: ScriptedCluster["jobs"] = new Map();
  const cluster: ScriptedCluster = {
    jobs,
    calls: [],
    session: "session-1",
    before: async () => {},
    client: undefined as unknown as RayClient,
  };
  const asked = async (call: string, signal?: AbortSignal) => {
    cluster.calls.push(call);
    await cluster.before(call, signal);
  };
  const known = (id: string) => {
    const job = jobs.get(id);
    if (job === undefined) throw new RayError("RAY_NOT_FOUND", `no ${id}`);
    return job;
  };
  const client: Partial<RayClient> = {
    async version(options) {
      await asked("version", options?.signal);
      return { version: "4", rayVersion: "2.60.0", rayCommit: null, sessionName: cluster.session };
    },
    async submit({ submissionId = "" }) {
      await asked("submit");
      const alreadyExisted = jobs.has(submissionId);
      if (!alreadyExisted) jobs.set(submissionId, { status: "RUNNING", log: "" });
      return { submissionId, alreadyExisted };
    },
    async get(id, options) {
      await asked("get", options?.signal);
      const { status, errorType = null } = known(id);
      return { submissionId: id, status, errorType, message: null, driverNodeId: null } as RayJob;
    },
    async isSupervised(id, options) {
      await asked("supervised", options?.signal);
      return known(id).supervised === true;
    },
    async stop(id, options) {
      await asked("stop", options?.signal);
      Object.assign(known(id), { status: "STOPPED", supervised: false });
      return { stopped: true };
    },
    logs: async (id) => known(id).log,
    async *tail(id) {
      yield { text: known(id).log, offset: known(id).log.length };
    },
    packages: {
      zip: async () => ({ name: "p.zip", uri: "gcs://p.zip", bytes: new Uint8Array(), files: 1 }) as never,
      exists: async () => true,
      async upload(_package, options) {
        await asked("upload", options?.signal);
        return { uri: "gcs://p.zip", uploaded: true };
      },
    },
  };
  return Object.assign(cluster, { client: client as RayClient });
}

/** A job that a Ray job runs for, without Redis. */
export function createScriptedHost(): RayHost & {
  record: string | undefined;
  readonly abort: AbortController;
  readonly stopping: Set<string>;
} {
  const abort = new AbortController();
  const stopping = new Set<string>();
  const stops: RayStops = {
    add: async (id) => void stopping.add(id),
    remove: async (id) => void stopping.delete(id),
    list: async () => [...stopping],
  };
  const quiet = () => {};
  const host = {
    record: undefined as string | undefined,
    abort,
    stopping,
    signal: abort.signal,
    logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    progress: async () => {},
    log: async () => {},
    readLogCursor: async () => undefined,
    readRayJob: async () => host.record,
    writeRayJob: async (json: string) => {
      host.record = json;
    },
    stops,
    postponable: true,
    onRayJob: quiet,
  };
  return host;
}
