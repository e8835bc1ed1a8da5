import type { Pool } from "undici";
import { z } from "zod";
import { type Endpoint, readEndpoint } from "./address.ts";
import { errorFromAnswer } from "./answers.ts";
import { readBounded, readErrorText } from "./bodies.ts";
import { type Deadline, startDeadline } from "./deadline.ts";
import { RayError } from "./errors.ts";
import { errorFromFault } from "./faults.ts";
import { backoff, type CallOptions, type RayClientOptions, readSettings, type Settings } from "./options.ts";

export interface Request {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** Ray's own path; the address's prefix is put in front. */
  path: string;
  json?: unknown;
  bytes?: Uint8Array;
  /** Whether a second sending does no harm. Default: for GET only. */
  repeatable?: boolean;
  /** The longest answer in bytes. Default 64 MiB. */
  maxBytes?: number;
  /** Default `requestMs`. */
  timeoutMs?: number;
}

/** The only door to the network. */
export interface Transport {
  readonly endpoint: Endpoint;
  readonly settings: Settings;
  /** Aborts when the client is closed. */
  readonly closing: AbortSignal;
  /** Sends, retries what is safe, and gives the body of a 2xx answer. */
  send(request: Request, options?: CallOptions): Promise<Buffer>;
  /** As `send`, decoded. @throws RayError `RAY_PROTOCOL` when the answer is not of this shape. */
  ask<S extends z.ZodType>(shape: S, request: Request, options?: CallOptions): Promise<z.output<S>>;
  close(): Promise<void>;
}

const MAX_ANSWER = 64 * 1024 * 1024;
const retriedStatuses: ReadonlySet<number | undefined> = new Set([undefined, 429, 502, 503, 504]);

export function createTransport(options: RayClientOptions): Transport {
  const endpoint = readEndpoint(options);
  const settings = readSettings(options);
  const closing = new AbortController();
  let opened: Promise<Pool> | undefined;

  /** undici takes a tenth of an idle worker's memory, and many workers go without Ray for long. */
  async function open(): Promise<Pool> {
    const { Pool } = await import("undici");
    return new Pool(endpoint.origin, {
      // Ray speaks HTTP/1.1; the deadline of the call replaces undici's own timers for headers and body.
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      connections: 64,
      connect: { timeout: settings.timeouts.connectMs, ...(endpoint.ca && { ca: endpoint.ca }) },
    });
  }

  async function attempt(request: Request, path: string, deadline: Deadline): Promise<Buffer> {
    const { method, json, bytes } = request;
    const call = { method, path };
    try {
      opened ??= open();
      const pool = await opened;
      // Never `fetch`: Ray takes its sec-fetch headers for a browser and answers 405.
      const response = await pool.request({
        method,
        path,
        headers: { ...endpoint.headers, ...contentType(request) },
        body: json === undefined ? (bytes ?? null) : JSON.stringify(json),
        signal: deadline.signal,
      });
      const status = response.statusCode;
      if (status < 200 || status > 299) {
        const text = await readErrorText(response.body);
        const ended = deadline.error();
        throw ended ?? errorFromAnswer({ ...call, status, text: endpoint.redact(text) });
      }
      return await readBounded(response.body, request.maxBytes ?? MAX_ANSWER, call);
    } catch (thrown) {
      if (thrown instanceof RayError) throw thrown;
      throw deadline.error() ?? errorFromFault(call, thrown);
    }
  }

  async function send(request: Request, call: CallOptions = {}): Promise<Buffer> {
    const path = endpoint.prefix + request.path;
    const timeoutMs = call.timeoutMs ?? request.timeoutMs ?? settings.timeouts.requestMs;
    const repeatable = request.repeatable ?? request.method === "GET";
    const deadline = startDeadline({ method: request.method, path }, timeoutMs, closing.signal, call.signal);
    try {
      for (let tries = 1; ; tries++) {
        const ended = deadline.error();
        if (ended !== undefined) throw ended;
        try {
          return await attempt(request, path, deadline);
        } catch (error) {
          const again = repeatable && tries < settings.retries.attempts && isPassing(error);
          if (!again) throw error;
          await deadline.sleep(backoff(tries, settings.retries));
        }
      }
    } finally {
      deadline.release();
    }
  }

  return {
    endpoint,
    settings,
    closing: closing.signal,
    send,
    async ask(shape, request, call) {
      const text = (await send(request, call)).toString("utf8");
      return decode(shape, text, request, endpoint);
    },
    async close() {
      closing.abort();
      await (await opened)?.destroy();
    },
  };
}

/** Whether a short pause may mend it: the connection or a proxy failed, or Ray said it is busy. */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof RayError &&
    error.code === "RAY_UNAVAILABLE" &&
    error.retryable &&
    retriedStatuses.has(error.status)
  );
}

function contentType({ json, bytes }: Request): Record<string, string> {
  if (json !== undefined) return { "content-type": "application/json" };
  return bytes === undefined ? {} : { "content-type": "application/octet-stream" };
}

function decode<S extends z.ZodType>(shape: S, text: string, request: Request, endpoint: Endpoint) {
  const { method, path } = request;
  const details = { method, path: endpoint.prefix + path, status: 200, body: endpoint.redact(text) };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RayError("RAY_PROTOCOL", `${method} ${details.path} was answered with broken JSON`, {
      ...details,
      cause,
    });
  }
  const decoded = shape.safeParse(value);
  if (decoded.success) return decoded.data;
  const faults = endpoint.redact(z.prettifyError(decoded.error)).slice(0, 500);
  throw new RayError("RAY_PROTOCOL", `${method} ${details.path} was answered in a new shape: ${faults}`, {
    ...details,
    cause: decoded.error,
  });
}
