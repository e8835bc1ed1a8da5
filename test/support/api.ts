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
