import type { Request, Response } from "express";
import type { ClusterDoor } from "../../core/cluster.ts";
import { LovageError, toLovageError } from "../../core/errors.ts";

/** How often lines go to the browser, in milliseconds, however fast a program prints. */
const rhythm = 250;

/** Lines that wait to be sent; of a flood only the last ones are shown. */
const mostLines = 1000;

/** A longer line is cut, in characters. */
const longestLine = 4000;

/** A browser that is so many bytes behind is sent nothing until it has caught up. */
const mostBehind = 256 * 1024;

/** Then the browser connects again, if whoever looks is still logged in. Milliseconds. */
const longest = 600_000;

/** Each is a connection to Ray, on which the log comes from its beginning. */
const mostStreams = 50;

/**
 * Streams a Ray job's log as server-sent events until it ends: `lines` (JSON: how many were left out, and the lines), at last `end`, or
 * `trouble` with the code of what went wrong.
 */
export function createLogStreams(cluster: ClusterDoor): (request: Request, response: Response) => void {
  let open = 0;

  return (request, response) => {
    if (open >= mostStreams) {
      throw new LovageError("RATE_LIMITED", `${mostStreams} logs are open already`, {
        hint: "close one, or read the job's own log",
      });
    }
    open += 1;
    const over = new AbortController();
    const pending = createPending();
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      // Proxies would gather the events.
      "x-accel-buffering": "no",
    });
    response.write(":\n\n");
    const send = (event: string, data: unknown) =>
      response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    const flush = () => {
      if (response.writableLength < mostBehind && pending.any()) send("lines", pending.take());
    };
    const timer = setInterval(flush, rhythm);
    // A proxy ends what is silent for long.
    const beat = setInterval(() => response.write(":\n\n"), 15_000);
    const age = setTimeout(() => response.end(), longest);
    response.once("close", () => {
      open -= 1;
      over.abort();
      clearInterval(timer);
      clearInterval(beat);
      clearTimeout(age);
    });
    void follow().finally(() => response.end());

    async function follow(): Promise<void> {
      try {
        const { cluster: name } = request.query;
        const id = String(request.params["id"]);
        const log = cluster.log(id, over.signal, typeof name === "string" ? name : undefined);
        for await (const lines of log) pending.add(lines);
        flush();
        send("end", {});
      } catch (thrown) {
        if (over.signal.aborted) return;
        const { code, message, hint } = toLovageError(thrown, "RAY_UNAVAILABLE");
        flush();
        send("trouble", { code, message, hint });
      }
    }
  };
}

function createPending() {
  let lines: string[] = [];
  let left = 0;
  return {
    any: () => lines.length > 0,
    add(more: readonly string[]) {
      for (const line of more.slice(-mostLines)) lines.push(line.slice(0, longestLine));
      left += Math.max(0, more.length - mostLines);
      const over = lines.length - mostLines;
      if (over <= 0) return;
      lines.splice(0, over);
      left += over;
    },
    take() {
      const taken = { left, lines };
      lines = [];
      left = 0;
      return taken;
    },
  };
}
