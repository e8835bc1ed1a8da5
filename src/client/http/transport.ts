import type { Operation } from "../../contract/operation.ts";
import { toMilliseconds } from "../../core/durations.ts";
import { LovageError } from "../../core/errors.ts";
import { createWindow, pause } from "../../core/timers.ts";
import { tlsFaultOf } from "../../core/tls-faults.ts";
import { readAddress } from "../address.ts";
import type { HttpClientOptions } from "../options.ts";
import { type Answer, readAnswer } from "./answer.ts";
import { isAway, unavailable, untrusted } from "./away.ts";
import { type ApiRequest, createRequest, type Given } from "./request.ts";
import { readStream, type Told } from "./stream.ts";
import { fetchTrusting } from "./trust.ts";

/** How a call is made, where it is not like all others. */
export interface Manner {
  /** Whether it may be sent again when nobody knows what became of it. Default: GET and PUT. */
  repeatable?: boolean;
  /** Milliseconds in which it must be answered. Default: the client's timeout. */
  within?: number;
  over?: AbortSignal;
}

/** Calls the operations of an API. */
export interface Transport {
  readonly address: string;
  /** Milliseconds that a call waits. */
  readonly timeout: number;
  /** Aborted when the client is closed. */
  readonly closed: AbortSignal;
  /**
   * What is safe to repeat is repeated within the call's time: after a lost connection, and when the API says `Retry-After`.
   * @throws LovageError what the API answers with; `API_UNAVAILABLE`
   */
  call<O extends Operation>(operation: O, given: Given<O>, manner?: Manner): Promise<Answer<O>>;
  /**
   * The messages of a stream. One that is cut is asked for again from the last message on, as often as it takes; it ends
   * with the API's `end`, with `over`, and with the client.
   */
  stream<O extends Operation>(
    operation: O,
    given: Given<O>,
    over: AbortSignal,
  ): AsyncGenerator<Told<O>, void, undefined>;
  close(): void;
}

/** What came of one request. */
type Outcome =
  | { answer: unknown }
  /**
   * `retryAfter`: milliseconds, where the API said when to come back; `lost`: nobody knows whether it was done; `undone`: it
   * was not.
   */
  | { error: LovageError; retryAfter?: number; lost?: boolean; undone?: boolean };

/** The first pause before a request is repeated, and the longest, in milliseconds. */
const firstPause = 100;
const longestPause = 2000;

export function createTransport(options: HttpClientOptions): Transport {
  const address = readAddress(options);
  const timeout = toMilliseconds(options.timeout ?? "10s", "timeout");
  const send = options.fetch ?? (options.ca === undefined ? globalThis.fetch : fetchTrusting(options.ca));
  const closing = new AbortController();
  const closed = closing.signal;
  const authorization = `Bearer ${options.apiKey}`;

  function request(
    { url, method, body }: ApiRequest,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Response> {
    return send(url, {
      method,
      headers: {
        ...headers,
        authorization,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body }),
      // Elsewhere the key has no business.
      redirect: "manual",
      signal,
    });
  }

  async function once(
    operation: Operation,
    asked: ApiRequest,
    within: number,
    over: AbortSignal | undefined,
  ) {
    const window = createWindow(within, [closed, over]);
    try {
      const response = await request(asked, { accept: "application/json" }, window.signal);
      return await outcomeOf(operation, response, await response.text());
    } catch (cause) {
      if (over?.aborted === true) throw over.reason;
      const late = window.late && `no answer in ${within} ms`;
      const why = late || (closed.aborted ? "the client was closed" : cause);
      const fault = tlsFaultOf(cause);
      if (fault !== undefined) return { error: untrusted(address, cause, fault, options.ca !== undefined) };
      return { error: unavailable(address, why, asked.hint), lost: true };
    } finally {
      window.close();
    }
  }

  /** What came of a request that was answered. */
  function outcomeOf(operation: Operation, response: Response, text: string): Outcome {
    try {
      return { answer: readAnswer(operation, address, response, text) };
    } catch (error) {
      if (!(error instanceof LovageError)) throw error;
      const { status } = response;
      const after = Number(response.headers.get("retry-after") ?? Number.NaN);
      return {
        error,
        ...(Number.isFinite(after) && { retryAfter: after * 1000 }),
        // Of somebody in between: the API itself tells of its problems in its own words.
        lost: error.code === "API_UNAVAILABLE" && status >= 502 && status <= 504,
        undone: status === 429,
      };
    }
  }

  return {
    address,
    timeout,
    closed,
    async call(operation, given, { repeatable, within = timeout, over } = {}) {
      const asked = createRequest(address, operation, given, repeatable);
      const until = Date.now() + within;
      for (let attempt = 0; ; attempt += 1) {
        const outcome: Outcome = await once(operation, asked, Math.max(1, until - Date.now()), over);
        if ("answer" in outcome) return outcome.answer as never;
        const wait = pauseAfter(outcome, asked, attempt);
        if (wait === undefined || closed.aborted || Date.now() + wait >= until) throw outcome.error;
        await pause(wait, closed, ...(over === undefined ? [] : [over]));
      }
    },
    stream: (operation, given, over) =>
      readStream(
        {
          address,
          timeout,
          closed,
          open: (headers, signal) => request(createRequest(address, operation, given), headers, signal),
          onError: options.onError ?? (() => {}),
          ca: options.ca,
        },
        operation,
        over,
      ),
    close: () => closing.abort("closed"),
  };
}

/** How long to wait before the request is sent again; undefined when it must not be. */
function pauseAfter(
  { error, retryAfter, lost = false, undone = false }: Exclude<Outcome, { answer: unknown }>,
  { repeatable }: ApiRequest,
  attempt: number,
): number | undefined {
  const backoff = Math.min(longestPause, firstPause * 2 ** attempt) * (0.5 + Math.random() / 2);
  if (undone) return retryAfter ?? backoff;
  if (!repeatable || !isAway(error)) return undefined;
  return retryAfter ?? (lost ? backoff : undefined);
}
