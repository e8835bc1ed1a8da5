import { Router } from "express";
import { describeError, LovageError } from "../../core/errors.ts";
import type { DashboardParts } from "../parts.ts";
import { placeOf } from "./job-place.ts";

/** So many logs are followed at once. */
const mostReaders = 100;

/** A browser opens the stream anew after so long, and is asked for its login again. Milliseconds. */
const longest = 2 * 60_000;

/** A reader that is so many bytes behind does not read any more. */
const mostBehind = 1024 * 1024;

/** `/jobs/:queue/:id/log`: the job's log as server-sent events, from its first line kept; `end` when the job has ended. */
export function jobLog({ client, logger }: DashboardParts): Router {
  const router = Router();
  let readers = 0;

  router.get("/jobs/:queue/:id/log", async (request, response) => {
    const { id, queue } = placeOf(request);
    if (readers >= mostReaders) {
      throw new LovageError("RATE_LIMITED", `${mostReaders} logs are followed already`, {
        hint: "close some",
      });
    }
    const job = await client.get(id, { queue });
    readers += 1;
    const lines = job.logs({ follow: true });
    let open = true;
    const close = () => {
      open = false;
      void lines.return?.();
    };
    const beat = setInterval(() => response.write(":\n\n"), 15_000);
    const over = setTimeout(() => response.end(), longest);
    response.once("close", close);
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    response.write("retry: 2000\n\n");
    try {
      for await (const line of lines) {
        if (!open || response.writableLength > mostBehind) break;
        response.write(`data: ${line.replaceAll(/[\r\n]+/g, " ")}\n\n`);
      }
      if (open) response.write("event: end\ndata:\n\n");
    } catch (error) {
      // The job was removed, or Redis is away: the browser asks again.
      logger.debug({ job: id, reason: describeError(error) }, "a log could not be followed further");
    } finally {
      readers -= 1;
      clearInterval(beat);
      clearTimeout(over);
      response.end();
    }
  });
  return router;
}
