import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a scripted API does with one request; the body has been read. */
export type ScriptedAnswer = (
  request: IncomingMessage & { body: string },
  response: ServerResponse,
) => void | Promise<void>;

export interface ScriptedApi {
  readonly url: string;
  /** What was asked so far: method, path, headers and body. */
  readonly asked: { method: string; path: string; headers: IncomingMessage["headers"]; body: string }[];
  close(): Promise<void>;
}

/** A server that gives the scripted answers one after another, the last one again and again. */
export async function startScriptedApi(...answers: readonly ScriptedAnswer[]): Promise<ScriptedApi> {
  const asked: ScriptedApi["asked"] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const answer = answers[Math.min(asked.length, answers.length - 1)];
    asked.push({
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      body,
    });
    await answer?.(Object.assign(request, { body }), response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const json =
  (status: number, value: unknown, headers: Record<string, string> = {}): ScriptedAnswer =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(value));
  };

export const problem = (
  status: number,
  code: string,
  members: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): ScriptedAnswer =>
  json(
    status,
    { type: "/", title: "t", status, detail: `it is ${code}`, code, retryable: true, ...members },
    headers,
  );

/** The line goes dead without an answer. */
export const cut: ScriptedAnswer = (_request, response) => {
  response.destroy();
};

/** Server-sent events, and then the end of the connection. */
export const events =
  (...lines: readonly string[]): ScriptedAnswer =>
  (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(lines.map((line) => `${line}\n\n`).join(""));
  };
