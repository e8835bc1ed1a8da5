import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

export interface SeenRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  /** Name and value by turns, as sent. */
  rawHeaders: string[];
  body: Buffer;
}

export type Answer = (response: ServerResponse, request: SeenRequest) => unknown;
export type TailScript = (socket: WebSocket, request: IncomingMessage) => unknown;

/** A dashboard that does what the test says; whatever it was not told it answers as aiohttp does: 404. */
export interface ScriptedRay {
  url: string;
  requests: SeenRequest[];
  /** The answers to a method and path, in turn; the last one stays. */
  on(method: string, path: string, ...answers: Answer[]): void;
  /** What the log sockets do, in turn; the last one stays. A number refuses the handshake with that status. */
  onTail(id: string, ...scripts: (TailScript | number)[]): void;
  seen(method: string, path: string): SeenRequest[];
  /** How many log sockets were asked for. */
  handshakes(): IncomingMessage[];
  close(): Promise<void>;
}

export function json(value: unknown, status = 200): Answer {
  return (response) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

export function text(status: number, body: string): Answer {
  return (response) => response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(body);
}

/** The connection is reset before anything is answered. */
export const reset: Answer = (response) => response.socket && (response.socket as Socket).resetAndDestroy();

/** Nothing is ever answered. */
export const silence: Answer = () => {};

/** Says how long the body is, sends the first half, and hangs up. */
export function half(body: string): Answer {
  return (response) => {
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    });
    response.write(body.slice(0, Math.floor(body.length / 2)), () => response.socket?.destroy());
  };
}

export function rayJob(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type: "SUBMISSION",
    job_id: null,
    submission_id: "one",
    driver_info: null,
    status: "RUNNING",
    entrypoint: "python one.py",
    message: "Job is currently running.",
    error_type: null,
    start_time: 1_795_505_131_640,
    end_time: null,
    metadata: null,
    runtime_env: null,
    driver_agent_http_address: null,
    driver_node_id: null,
    driver_exit_code: null,
    ...fields,
  };
}

export async function startScriptedRay(tls?: { key: string; cert: string }): Promise<ScriptedRay> {
  const answers = new Map<string, Answer[]>();
  const tails = new Map<string, (TailScript | number)[]>();
  const requests: SeenRequest[] = [];
  const asked: IncomingMessage[] = [];
  const connections = new Set<Socket>();
  const sockets = new WebSocketServer({ noServer: true });
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const seen: SeenRequest = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      rawHeaders: request.rawHeaders,
      body: Buffer.concat(chunks),
    };
    requests.push(seen);
    const answer = next(answers.get(`${seen.method} ${seen.path}`)) ?? text(404, "404: Not Found");
    await answer(response, seen);
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on("connection", (socket: Socket) => {
    connections.add(socket);
    // A client that hangs up is part of most scripts.
    socket.on("error", () => {}).on("close", () => connections.delete(socket));
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    asked.push(request);
    const id = /^\/api\/jobs\/([^/]+)\/logs\/tail$/.exec(request.url ?? "")?.[1] ?? "";
    const script = next(tails.get(id)) ?? 404;
    if (typeof script === "number") {
      const body = script === 404 ? `Job ${id} does not exist` : "refused";
      socket.end(
        `HTTP/1.1 ${script} Refused\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
      );
      return;
    }
    sockets.handleUpgrade(request, socket, head, (opened) => {
      opened.on("error", () => {});
      script(opened, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    requests,
    on: (method, path, ...script) => void answers.set(`${method} ${path}`, script),
    onTail: (id, ...scripts) => void tails.set(id, scripts),
    seen: (method, path) => requests.filter((one) => one.method === method && one.path === path),
    handshakes: () => asked,
    async close() {
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function next<T>(script: T[] | undefined): T | undefined {
  return script !== undefined && script.length > 1 ? script.shift() : script?.[0];
}
