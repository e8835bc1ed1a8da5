import { createParser } from "eventsource-parser";
import { createApiKeys, type NewApiKey } from "../../src/queue/api-keys.ts";
import type { DashboardWorld } from "./dashboard-world.ts";

/** An answer of the API, read. */
export interface ApiAnswer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it as they expect it
  body: any;
}

/** The API as a program with a key calls it. */
export interface ApiCaller {
  readonly token: string;
  readonly keyId: string;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  get(path: string, headers?: Record<string, string>): Promise<ApiAnswer>;
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<ApiAnswer>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<ApiAnswer>;
}

/** Makes a key, by default with every scope. */
export async function apiCaller(
  world: Pick<DashboardWorld, "url" | "broker">,
  key: Partial<NewApiKey> = {},
): Promise<ApiCaller> {
  const keys = createApiKeys(world.broker);
  const scopes = ["enqueue", "read", "control"];
  const made = await keys.create({ name: "test", scopes, createdBy: "a test", rate: "1000/s", ...key });
  return callerOf(world.url, made.token, made.key.id);
}

export function callerOf(url: string, token: string, keyId = ""): ApiCaller {
  const go = (path: string, init: RequestInit = {}) =>
    fetch(`${url}/api/v1${path}`, {
      redirect: "manual",
      ...init,
      headers: { ...(token !== "" && { authorization: `Bearer ${token}` }), ...init.headers },
    });
  const send: ApiCaller["send"] = async (method, path, body, headers = {}) =>
    read(
      await go(path, {
        method,
        ...(body !== undefined && { body: JSON.stringify(body) }),
        headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
      }),
    );
  return {
    token,
    keyId,
    fetch: go,
    send,
    get: (path, headers) => send("GET", path, undefined, headers),
    post: (path, body, headers) => send("POST", path, body, headers),
  };
}

export async function read(response: Response): Promise<ApiAnswer> {
  const text = await response.text();
  const json = response.headers.get("content-type")?.includes("json") === true;
  return {
    status: response.status,
    headers: response.headers,
    body: json && text !== "" ? JSON.parse(text) : text,
  };
}

export interface SseEvent {
  event: string | undefined;
  id: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it as they expect it
  data: any;
}

/** A stream of server-sent events, read as far as a test asks for. */
export interface SseStream {
  readonly response: Response;
  /** Undefined when the stream has ended. */
  next(): Promise<SseEvent | undefined>;
  rest(): Promise<SseEvent[]>;
  /** As a caller that goes away. */
  cut(): Promise<void>;
}

export async function openStream(
  api: ApiCaller,
  path: string,
  headers: Record<string, string> = {},
): Promise<SseStream> {
  const gone = new AbortController();
  const response = await api.fetch(path, { headers, signal: gone.signal });
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  const waiting: SseEvent[] = [];
  const parser = createParser({
    onEvent: ({ event, id, data }) => waiting.push({ event, id, data: JSON.parse(data) }),
  });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  const next = async () => {
    for (;;) {
      const event = waiting.shift();
      if (event !== undefined) return event;
      const { done, value } = await reader.read();
      if (done) return undefined;
      parser.feed(decoder.decode(value, { stream: true }));
    }
  };
  return {
    response,
    next,
    async rest() {
      const events: SseEvent[] = [];
      for (let event = await next(); event !== undefined; event = await next()) events.push(event);
      return events;
    },
    async cut() {
      gone.abort();
      await reader.closed.catch(() => {});
    },
  };
}
