import { Router } from "express";
import { LovageError } from "../../core/errors.ts";
import { readRunningJobs } from "../../queue/running-jobs.ts";
import { queueNames } from "../../task/definition.ts";
import { requireRole } from "../access.ts";
import type { Audit } from "../audit.ts";
import { setFlash } from "../flash.ts";
import { html } from "../html.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";
import { shareAnswer } from "../shared-answer.ts";
import { Card } from "../ui.ts";
import { allows } from "../viewer.ts";
import {
  EndedTable,
  KeyFigures,
  QueueTable,
  RunningTable,
  ScheduleTable,
  WorkerTable,
} from "./overview-tables.ts";

/** How many jobs a list of the overview shows. */
const shown = 8;

export function overviewPages({ client, broker }: DashboardParts, audit: Audit): Router {
  const router = Router();
  const read = shareAnswer(async () => {
    const [queues, workers, running, ended, schedules, redis] = await Promise.all([
      client.inspect.queues(),
      client.inspect.workers(),
      readRunningJobs(broker, shown),
      client.deadLetters.list({ limit: shown, states: ["failed", "cancelled", "expired"] }),
      client.schedules.list(),
      client.inspect.redis(),
    ]);
    return { queues, workers, running, ended: ended.jobs, schedules, redis };
  });

  router.get("/", async (request, response) => {
    const { queues, workers, running, ended, schedules, redis } = await read();
    const mayAct = request.viewer !== undefined && allows(request.viewer, "operator");
    const csrfToken = mayAct ? String(response.locals["csrfToken"]) : undefined;
    sendPage(request, response, {
      title: "Overview",
      section: "/",
      content: html`<div
        id="overview"
        hx-get="/"
        hx-select="#overview"
        hx-trigger="sse:queues, sse:workers, sse:schedules"
        hx-swap="morph:outerHTML"
      >
        <${KeyFigures} queues=${queues} workers=${workers} redis=${redis} />
        <${QueueTable} queues=${queues} csrfToken=${csrfToken} />
        <div class="grid">
          <${Card} title="Running" beside=${html`<a href="/jobs?state=active">All that run</a>`}>
            <${RunningTable} jobs=${running} />
          <//>
          <${Card} title="Ended without a result" beside=${html`<a href="/jobs?state=failed">All that failed</a>`}>
            <${EndedTable} jobs=${ended} />
          <//>
          <${Card} title="Workers" beside=${html`<a href="/workers">All about them</a>`}>
            <${WorkerTable} workers=${workers} />
          <//>
          <${Card} title="Next schedules" beside=${html`<a href="/schedules">All of them</a>`}>
            <${ScheduleTable} schedules=${schedules} />
          <//>
        </div>
      </div>`,
    });
  });

  for (const [action, act] of [
    ["pause", client.control.pauseQueue],
    ["resume", client.control.resumeQueue],
  ] as const) {
    router.post(`/queues/:queue/${action}`, requireRole("operator"), async (request, response) => {
      const queue = queueNames.find((name) => name === request.params["queue"]);
      if (queue === undefined) {
        throw new LovageError("NOT_FOUND", "there is no such queue", { value: request.params["queue"] });
      }
      await act(queue);
      read.forget();
      await audit(request, { action: `queue.${action}`, target: queue });
      const said = action === "pause" ? "is paused: no worker takes its jobs" : "goes on";
      setFlash(request, "done", `The queue ${queue} ${said}.`);
      response.redirect(303, "/");
    });
  }
  return router;
}
