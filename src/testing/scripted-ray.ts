import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { describeError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { createScripts, type RayScript } from "./scripted-jobs.ts";
import {
  isOver,
  logOf,
  type RunningScript,
  type SubmittedRayJob,
  statusOf,
  wireJob,
  wireNodes,
} from "./scripted-wire.ts";

/** A Ray cluster that runs scripts instead of programs: a real server of the Jobs API on loopback. */
export interface ScriptedRay {
  /** What a worker's RAY_ADDRESS, or `createRayClient`, takes. */
  readonly address: string;
  /** The Ray jobs it was given, in order. */
  readonly submitted: readonly SubmittedRayJob[];
  close(): Promise<void>;
}

/** Starts one on a free port. `jobs` says what the Ray jobs do, in the order in which they are submitted. */
export async function createScriptedRay({ jobs: script }: { jobs: RayScript }): Promise<ScriptedRay> {
  const takeScript = createScripts(script);
  const session = `session_${randomUUID()}`;
  const packages = new Set<string>();
  const jobs = new Map<string, RunningScript>();
  const connections = new Set<Socket>();
  const sockets = new WebSocketServer({ noServer: true });

  function submit(body: Record<string, unknown>): Answer {
    const submissionId = String(body["submission_id"] ?? `raysubmit_${randomUUID()}`);
    if (jobs.has(submissionId)) return { status: 500, text: `Job ${submissionId} already exists` };
    const entrypoint = String(body["entrypoint"]);
    const program = /^python (\S+\.py)$/.exec(entrypoint)?.[1] ?? entrypoint;
    const { env_vars: variables = {} } = (body["runtime_env"] ?? {}) as { env_vars?: Record<string, string> };
    try {
      const job: RunningScript = {
        submissionId,
        program,
        entrypoint,
        input: parseJson(variables["LOVAGE_INPUT"] ?? "null"),
        metadata: (body["metadata"] ?? {}) as Record<string, string>,
        script: takeScript(program),
        begun: Date.now(),
        get status() {
          return statusOf(job);
        },
      };
      jobs.set(submissionId, job);
      return { json: { submission_id: submissionId, job_id: null } };
    } catch (error) {
      return { status: 400, text: describeError(error) };
    }
  }

  function answer(method: string, path: string, body: Buffer): Answer {
    const [, id, action] = /^\/api\/jobs\/([^/?]+)(?:\/(stop|logs))?$/.exec(path) ?? [];
    if (id !== undefined) {
      const job = jobs.get(decodeURIComponent(id));
      if (job === undefined) return { status: 404, text: `Job ${id} does not exist` };
      if (action === "logs") return { json: { logs: logOf(job) } };
      if (action === "stop") {
        const stopped = !isOver(statusOf(job));
        if (stopped) job.stoppedAt = Date.now();
        return { json: { stopped } };
      }
      if (method === "DELETE") {
        if (!isOver(statusOf(job))) return { status: 500, text: "the job is not terminal" };
        return { json: { deleted: jobs.delete(job.submissionId) } };
      }
      return { json: wireJob(job) };
    }
    if (path === "/api/jobs/")
      return method === "POST"
        ? submit(JSON.parse(body.toString()))
        : { json: [...jobs.values()].map(wireJob) };
    if (path === "/api/version")
      return { json: { version: "4", ray_version: "2.60.0", ray_commit: "scripted", session_name: session } };
    if (path.startsWith("/api/packages/")) {
      if (method === "PUT") packages.add(path);
      return packages.has(path) ? { json: {} } : { status: 404, text: "no such package" };
    }
    if (path.startsWith("/api/v0/nodes")) return { json: wireNodes };
    if (path.startsWith("/nodes")) return { json: { data: { summary: [] } } };
    if (path === "/api/cluster_status") return { json: { data: { clusterStatus: null } } };
    const file = new URLSearchParams(path.split("?")[1]).get("filename");
    const job = jobs.get(file?.match(/^job-driver-(.+)\.log$/)?.[1] ?? "");
    return job === undefined ? { status: 404, text: "404: Not Found" } : { text: logOf(job) };
  }

  /** Tells the log as it grows, and ends with it. */
  function tail(socket: WebSocket, job: RunningScript): void {
    let told = 0;
    const tell = () => {
      const log = logOf(job);
      if (log.length > told) socket.send(log.slice(told));
      told = log.length;
      if (isOver(statusOf(job))) socket.close(1000);
    };
    const timer = setInterval(tell, 20);
    socket.on("error", () => {}).on("close", () => clearInterval(timer));
    tell();
  }

  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    const body = Buffer.concat((await request.toArray()) as Buffer[]);
    const {
      status = 200,
      json,
      text = JSON.stringify(json),
    } = answer(request.method ?? "", request.url ?? "", body);
    const type = json === undefined ? "text/plain" : "application/json";
    response.writeHead(status, { "content-type": type }).end(text);
  });
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.on("error", () => {}).on("close", () => connections.delete(socket));
  });
  server.on("upgrade", (request, socket, head) => {
    const job = jobs.get(
      decodeURIComponent(/^\/api\/jobs\/([^/]+)\/logs\/tail$/.exec(request.url ?? "")?.[1] ?? ""),
    );
    if (job === undefined) {
      socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
      return;
    }
    sockets.handleUpgrade(request, socket, head, (opened) => tail(opened, job));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    get submitted() {
      return [...jobs.values()];
    },
    async close() {
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Answer {
  status?: number;
  json?: unknown;
  text?: string;
}
