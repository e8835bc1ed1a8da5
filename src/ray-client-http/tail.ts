import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { errorFromAnswer } from "./answers.ts";
import { readErrorText } from "./bodies.ts";
import { type Call, type Deadline, startDeadline } from "./deadline.ts";
import { RayError } from "./errors.ts";
import { errorFromFault } from "./faults.ts";
import { jobPath } from "./jobs.ts";
import { backoff } from "./options.ts";
import type { Transport } from "./transport.ts";

export interface TailOptions {
  /** Characters (UTF-16 units, as `offset` counts them) to skip: give the last `offset` to go on after it. Default 0. */
  from?: number | undefined;
  /** Ends the tail with `RAY_ABORTED`. */
  signal?: AbortSignal | undefined;
  /** How long the log may be out of reach in one go before the tail gives up, in milliseconds. Default 60,000. */
  patienceMs?: number | undefined;
}

export interface LogPiece {
  text: string;
  /** Characters of the log up to the end of this piece. */
  offset: number;
}

const MAX_FRAME = 64 * 1024 * 1024;
const MAX_QUEUED = 1024 * 1024;
const STEADY_MS = 10_000;
const KEEP_ALIVE_MS = 15_000;

/**
 * Follows a log from its beginning. Ray's socket always starts there, so after an abnormal close the new one's first
 * `offset` characters are skipped.
 */
export async function* tail(
  transport: Transport,
  id: string,
  { from = 0, signal, patienceMs = 60_000 }: TailOptions = {},
): AsyncGenerator<LogPiece, void, undefined> {
  const call = { method: "GET", path: transport.endpoint.prefix + jobPath(id, "/logs/tail") };
  const deadline = startDeadline(call, Number.POSITIVE_INFINITY, transport.closing, signal);
  let offset = from;
  let failures = 0;
  let lostSince: number | undefined;
  try {
    for (;;) {
      const openedAt = performance.now();
      let seen = 0;
      try {
        for await (const frame of frames(transport, call, deadline)) {
          const start = seen;
          seen += frame.length;
          if (seen <= offset) continue;
          const text = frame.slice(Math.max(0, offset - start));
          offset = seen;
          failures = 0;
          lostSince = undefined;
          yield { text, offset };
        }
        return;
      } catch (error) {
        const ended = deadline.error();
        if (ended !== undefined) throw ended;
        if (!(error instanceof RayError) || !error.retryable) throw error;
        // A proxy that cuts an idle socket now and then is no outage.
        if (performance.now() - openedAt > STEADY_MS) {
          failures = 0;
          lostSince = undefined;
        }
        failures += 1;
        lostSince ??= performance.now();
        if (performance.now() - lostSince > patienceMs) throw error;
      }
      await deadline.sleep(backoff(failures, transport.settings.retries));
    }
  } finally {
    deadline.release();
  }
}

/** The text frames of one socket; returns on a close with 1000, throws on any other. */
async function* frames(transport: Transport, call: Call, deadline: Deadline): AsyncGenerator<string> {
  const { origin, headers, ca, redact } = transport.endpoint;
  const { connectMs } = transport.settings.timeouts;
  const already = deadline.error();
  if (already !== undefined) throw already;
  const queue: string[] = [];
  let queued = 0;
  let end: { error: RayError | undefined } | undefined;
  let wake = () => {};
  const finish = (error: RayError | undefined) => {
    end ??= { error };
    wake();
  };
  const socket = new WebSocket(origin.replace(/^http/, "ws") + call.path, {
    headers,
    // Ray hands an offer of compression on to its agent; the log then ends at once, empty and with a clean 1000.
    perMessageDeflate: false,
    handshakeTimeout: connectMs,
    maxPayload: MAX_FRAME,
    ...(ca && { ca }),
  });
  // Ray answers no pings while it sends, so a dead peer is left to TCP to find.
  socket.on("upgrade", (response) => response.socket.setKeepAlive(true, KEEP_ALIVE_MS));
  socket.on("message", (data) => {
    const text = data.toString();
    queue.push(text);
    queued += text.length;
    if (queued > MAX_QUEUED) socket.pause();
    wake();
  });
  socket.on("close", (code, reason) => {
    const why = redact(reason.toString());
    const message = `${call.method} ${call.path}: the log socket was closed with ${code} ${why}`.trimEnd();
    finish(code === 1000 ? undefined : new RayError("RAY_UNAVAILABLE", message, { ...call }));
  });
  socket.on("error", (cause) => finish(errorFromFault(call, cause)));
  socket.on("unexpected-response", (request, response: IncomingMessage) => {
    const timer = setTimeout(() => response.destroy(), connectMs);
    void readErrorText(response).then((text) => {
      clearTimeout(timer);
      finish(errorFromAnswer({ ...call, status: response.statusCode ?? 0, text: redact(text) }));
      request.destroy();
    });
  });
  const onAbort = () => finish(deadline.error());
  deadline.signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      const text = queue.shift();
      if (text !== undefined) {
        queued -= text.length;
        if (socket.isPaused && queued < MAX_QUEUED / 2) socket.resume();
        yield text;
      } else if (end !== undefined) {
        if (end.error !== undefined) throw end.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    deadline.signal.removeEventListener("abort", onAbort);
    // Ray never reads a closing handshake: waiting for its answer would take ws 30 s.
    socket.terminate();
  }
}
