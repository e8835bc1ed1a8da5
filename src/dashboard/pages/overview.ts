import { Router } from "express";
import { formatMilliseconds } from "../../core/durations.ts";
import { LovageError } from "../../core/errors.ts";
import type { QueueOverview } from "../../queue/queue-overview.ts";
import { readRunningJobs } from "../../queue/running-jobs.ts";
import type { JobSnapshot } from "../../queue/snapshot.ts";
import type { WorkerView } from "../../queue/workers.ts";
import type { RedisHealth } from "../../task/context.ts";
import { queueNames } from "../../task/definition.ts";
import { requireRole } from "../access.ts";
import type { Audit } from "../audit.ts";
import { setFlash } from "../flash.ts";
import { type Html, html } from "../html.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";
import { shareAnswer } from "../shared-answer.ts";
import { ActionButton, Ago, Card, Figure, Figures, JobLink, StateBadge, Table } from "../ui.ts";
import { allows } from "../viewer.ts";

/** How many jobs a list of the overview shows. */
const shown = 8;

export function overviewPages({ client, broker }: DashboardParts, audit: Audit): Router {
  const router = Router();
  const read = shareAnswer(async () => {
    const [queues, workers, running, ended, redis] = await Promise.all([
      client.inspect.queues(),
      client.inspect.workers(),
      readRunningJobs(broker, shown),
      client.deadLetters.list({ limit: shown, states: ["failed", "cancelled", "expired"] }),
      client.inspect.redis(),
    ]);
    return { queues, workers, running, ended: ended.jobs, redis };
  });

  router.get("/", async (request, response) => {
    const { queues, workers, running, ended, redis } = await read();
    const mayAct = request.viewer !== undefined && allows(request.viewer, "operator");
    const csrfToken = mayAct ? String(response.locals["csrfToken"]) : undefined;
    sendPage(request, response, {
      title: "Overview",
      section: "/",
      content: html`<div
        id="overview"
        hx-get="/"
        hx-select="#overview"
        hx-trigger="sse:queues, sse:workers"
        hx-swap="morph:outerHTML"
      >
        <${KeyFigures} queues=${queues} workers=${workers} redis=${redis} />
        <${QueueTable} queues=${queues} csrfToken=${csrfToken} />
        <div class="grid">
          <${Card} title="Running" beside=${html`<a href="/jobs?state=active">All that run</a>`}>
            <${RunningTable} jobs=${running} />
          <//>
          <${Card} title="Last failures" beside=${html`<a href="/jobs?state=failed">All that failed</a>`}>
            <${EndedTable} jobs=${ended} />
          <//>
          <${Card} title="Workers" beside=${html`<a href="/workers">All about them</a>`}>
            <${WorkerTable} workers=${workers} />
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

function KeyFigures(props: { queues: QueueOverview[]; workers: WorkerView[]; redis: RedisHealth }): Html {
  const { queues, workers, redis } = props;
  const sum = (count: (queue: QueueOverview) => number) =>
    queues.reduce((all, queue) => all + count(queue), 0);
  const oldest = Math.max(...queues.map(({ oldestMilliseconds }) => oldestMilliseconds ?? -1));
  const living = workers.filter(({ state }) => state !== "dead");
  const slots = living.flatMap(({ queues: served }) => served);
  const ill = (["stuck", "dead"] as const).flatMap((state) => {
    const count = workers.filter((worker) => worker.state === state).length;
    return count > 0 ? [`${count} ${state}`] : [];
  });
  const full = redis.maxBytes > 0 ? redis.usedBytes / redis.maxBytes : 0;
  return html`<${Figures}>
    <${Figure} name="Waiting" value=${count(sum(({ waiting }) => waiting))} />
    <${Figure}
      name="Oldest waiting"
      value=${oldest < 0 ? "–" : formatMilliseconds(oldest)}
    />
    <${Figure}
      name="Active"
      value=${count(sum(({ active }) => active))}
      note=${`of ${slots.reduce((all, { concurrency }) => all + concurrency, 0)} slots`}
    />
    <${Figure} name="Scheduled" value=${count(sum(({ scheduled }) => scheduled))} />
    <${Figure} name="Failed" value=${count(sum(({ failed }) => failed))} />
    <${Figure}
      name="Workers"
      value=${living.length}
      note=${ill.join(", ")}
      alarm=${living.length === 0 || ill.length > 0}
    />
    <${Figure}
      name=${`Redis (${redis.version})`}
      value=${megabytes(redis.usedBytes)}
      note=${redisNote(redis)}
      alarm=${full > 0.9 || !redis.persistenceOk}
    />
  <//>`;
}

function redisNote({ maxBytes, appendOnly, persistenceOk }: RedisHealth): string {
  if (!persistenceOk) return "its last write to disk failed";
  if (!appendOnly) return "not durable: appendonly is off";
  return maxBytes > 0 ? `of ${megabytes(maxBytes)}` : "on disk";
}

function QueueTable({ queues, csrfToken }: { queues: QueueOverview[]; csrfToken: string | undefined }): Html {
  const rows = queues.map((queue) => {
    const { queue: name, paused, waiting, active, scheduled, waitingChildren, failed } = queue;
    const action = paused ? "resume" : "pause";
    return html`<tr>
      <th scope="row"><a href=${`/jobs?queue=${name}`}>${name}</a></th>
      <td><${StateBadge} state=${paused ? "paused" : "open"} /></td>
      ${[waiting, active, scheduled, waitingChildren, failed].map(
        (figure) => html`<td class="number">${count(figure)}</td>`,
      )}
      <td>${queue.oldestMilliseconds === null ? "–" : formatMilliseconds(queue.oldestMilliseconds)}</td>
      <td class="number">${queue.workers}</td>
      ${
        csrfToken !== undefined &&
        html`<td>
          <${ActionButton}
            action=${`/queues/${name}/${action}`}
            label=${paused ? "Resume" : "Pause"}
            description=${`${paused ? "Resume" : "Pause"} the queue ${name}`}
            csrfToken=${csrfToken}
          />
        </td>`
      }
    </tr>`;
  });
  const head = ["Queue", "State", ...numbers.map(numberHead), "Oldest", numberHead("Workers")];
  return html`<${Table}
    caption="Queues"
    head=${csrfToken === undefined ? head : [...head, ""]}
    rows=${rows}
    empty="No queues."
  />`;
}

const numbers = ["Waiting", "Active", "Scheduled", "Wait for calls", "Failed"];
const numberHead = (name: string) => html`<span class="number">${name}</span>`;

function RunningTable({ jobs }: { jobs: JobSnapshot[] }): Html {
  return html`<${Table}
    caption="Running jobs"
    head=${["Job", "Worker", "Begun"]}
    rows=${jobs.map(
      (job) => html`<tr>
        <th scope="row"><${JobLink} ...${job} /></th>
        <td>${job.worker ?? "–"}</td>
        <td><${Ago} at=${job.startedAt} /></td>
      </tr>`,
    )}
    empty="Nothing runs."
  />`;
}

function EndedTable({ jobs }: { jobs: JobSnapshot[] }): Html {
  return html`<${Table}
    caption="Last failures"
    head=${["Job", "State", "Why", "Ended"]}
    rows=${jobs.map(
      (job) => html`<tr>
        <th scope="row"><${JobLink} ...${job} /></th>
        <td><${StateBadge} state=${job.state} /></td>
        <td><code>${job.error?.code ?? "–"}</code></td>
        <td><${Ago} at=${job.endedAt} /></td>
      </tr>`,
    )}
    empty="Nothing failed."
  />`;
}

function WorkerTable({ workers }: { workers: WorkerView[] }): Html {
  return html`<${Table}
    caption="Workers in short"
    head=${["Worker", "State", "Busy"]}
    rows=${workers.map(({ name, state, why, queues }) => {
      const busy = queues.reduce((all, { active }) => all + active, 0);
      const slots = queues.reduce((all, { concurrency }) => all + concurrency, 0);
      return html`<tr>
        <th scope="row">${name}</th>
        <td><${StateBadge} state=${state} /> ${why && html`<small class="muted">${why}</small>`}</td>
        <td>${busy} of ${slots}</td>
      </tr>`;
    })}
    empty="No worker has run within the last hour. Start one: lovage worker"
  />`;
}

const count = (value: number) => value.toLocaleString("en-US");
const megabytes = (bytes: number) =>
  `${(bytes / 2 ** 20).toLocaleString("en-US", { maximumFractionDigits: 1 })} MB`;
