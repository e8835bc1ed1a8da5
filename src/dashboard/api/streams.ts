import { once } from "node:events";
import type { Response } from "express";
import { LovageError, toLovageError } from "../../core/errors.ts";
import type { StreamEvent } from "./operation-types.ts";
import { TooManyRequests, toProblem } from "./problem.ts";

/** How often a stream says that it is alive: proxies give up what is silent for a minute. Milliseconds. */
const beatInterval = 15_000;

/** After how long a browser connects again, in milliseconds. */
const retryInterval = 2000;

/** How many streams a caller may have open. */
const mostStreams = 100;

/** Counts the open streams of each caller. */
export function createStreamCount() {
  const open = new Map<string, number>();
  return {
    /** @returns what gives the place back @throws LovageError `RATE_LIMITED` */
    take(caller: string): () => void {
      const count = open.get(caller) ?? 0;
      if (count >= mostStreams) {
        const hint = "close some, or follow all jobs by one stream: /api/v1/events";
        throw new TooManyRequests(`${mostStreams} streams are open already`, 5, hint);
      }
      open.set(caller, count + 1);
      return () => {
        const left = (open.get(caller) ?? 1) - 1;
        if (left > 0) open.set(caller, left);
        else open.delete(caller);
      };
    },
  };
}

/** Sends events as they come, no faster than they are taken, until they end or the caller is gone. */
export async function sendStream(
  response: Response,
  events: AsyncIterable<StreamEvent>,
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    // nginx would keep events back until it has enough of them.
    "X-Accel-Buffering": "no",
  });
  response.write(`retry: ${retryInterval}\n\n`);
  const iterator = events[Symbol.asyncIterator]();
  const beat = setInterval(() => {
    if (!response.writableNeedDrain) response.write(": still here\n\n");
  }, beatInterval);
  const end = () => void iterator.return?.();
  signal.addEventListener("abort", end, { once: true });
  try {
    while (!signal.aborted) {
      const next = await iterator.next();
      if (next.done === true) break;
      if (!response.write(toText(next.value))) await once(response, "drain", { signal });
    }
  } catch (error) {
    if (!signal.aborted) response.write(toText({ event: "error", data: toProblem(masked(error)) }));
  } finally {
    clearInterval(beat);
    signal.removeEventListener("abort", end);
    end();
    response.end();
  }
}

function masked(thrown: unknown): LovageError {
  const error = toLovageError(thrown, "UNEXPECTED");
  return error.code === "UNEXPECTED" ? new LovageError("UNEXPECTED", "something went wrong here") : error;
}

/** JSON has no line breaks, so one line of data is enough. */
function toText({ event, id, data }: StreamEvent): string {
  const lines = [
    ...(event === undefined ? [] : [`event: ${event}`]),
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(data === undefined ? [] : [`data: ${JSON.stringify(data)}`]),
  ];
  return `${lines.join("\n")}\n\n`;
}
