import { type Request, type Response, Router } from "express";
import type { JobSnapshot } from "../../client/index.ts";
import { formatMilliseconds } from "../../core/durations.ts";
import { isEnded } from "../../core/states.ts";
import { type Children, type Html, html } from "../html.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";
import { Ago, Card, Facts, StateBadge } from "../ui.ts";
import { JobButtons } from "./job-buttons.ts";
import { type JobPlace, placeOf } from "./job-place.ts";
import { jobPath } from "./job-table.ts";

/** More of a value than this, in characters, is left to a download. */
const mostShown = 20_000;

/** So many of the last lines of a log are on the page. */
const lastLines = 200;

/** `/jobs/:queue/:id`: all that is known of one job. */
export function jobPage({ client }: DashboardParts): Router {
  const router = Router();

  router.get("/jobs/:queue/:id", async (request, response) => {
    const place = placeOf(request);
    const job = await client.get(place.id, { queue: place.queue });
    // What refreshes itself is the part above the log, which has a stream of its own.
    const isRefresh = request.get("hx-request") !== undefined;
    const [snapshot, lines] = await Promise.all([job.snapshot(), isRefresh ? [] : lastOf(job.logs())]);
    show(request, response, place, snapshot, lines);
  });

  router.get("/jobs/:queue/:id/:part.json", async (request, response, next) => {
    const { id, queue } = placeOf(request);
    const part = request.params["part"];
    if (part !== "input" && part !== "output" && part !== "error") return next();
    const value = (await (await client.get(id, { queue })).snapshot())[part];
    response.attachment(`${id.replaceAll(/[^\w.-]/g, "_")}.${part}.json`);
    response.type("json").send(JSON.stringify(value ?? null, undefined, 2));
  });

  return router;
}

function show(
  request: Request,
  response: Response,
  place: JobPlace,
  job: JobSnapshot,
  lines: string[],
): void {
  const path = jobPath(place);
  const ended = isEnded(job.state) && job.endedAt !== undefined;
  sendPage(request, response, {
    title: job.task,
    section: "/jobs",
    content: html`
      <section
        id="job"
        ...${!ended && { "hx-get": path, "hx-select": "#job", "hx-trigger": "sse:jobs", "hx-swap": "morph:outerHTML" }}
      >
        <${JobButtons} job=${job} place=${place} request=${request} csrfToken=${response.locals["csrfToken"] ?? ""} />
        <div class="grid">
          <${Card} title="State" beside=${html`<${StateBadge} state=${job.state} />`}>
            <${Progress} job=${job} />
            <${Facts} facts=${stateFacts(job)} />
          <//>
          <${Card} title="Where it belongs"><${Facts} facts=${lineage(job, place)} /><//>
        </div>
        <${Failure} job=${job} path=${path} />
        <${Value} title="Input" value=${job.input} href=${`${path}/input.json`} />
        ${
          job.state === "completed" &&
          html`<${Value} title="Output" value=${job.output} href=${`${path}/output.json`} />`
        }
        ${
          Object.keys(job.metadata).length > 0 &&
          html`<${Card} title="Metadata"><pre tabindex="0">${JSON.stringify(job.metadata, undefined, 2)}</pre><//>`
        }
      </section>
      <${Log} lines=${lines} href=${ended ? undefined : `${path}/log`} />
    `,
  });
}

function stateFacts(job: JobSnapshot): [string, Children][] {
  const { state, attempt, attempts, enqueuedAt, startedAt, endedAt, worker, cancelRequested } = job;
  const waited = startedAt && formatMilliseconds(Math.max(0, startedAt.getTime() - enqueuedAt.getTime()));
  const ran =
    startedAt && endedAt && formatMilliseconds(Math.max(0, endedAt.getTime() - startedAt.getTime()));
  return [
    ["Cancelling", cancelRequested && !isEnded(state) ? "somebody asked to cancel it" : undefined],
    ["Attempt", `${attempt} of ${attempts}`],
    ["Enqueued", html`<${Ago} at=${enqueuedAt} />`],
    ["Started", startedAt && html`<${Ago} at=${startedAt} />${attempt <= 1 && html` after ${waited}`}`],
    ["Ended", endedAt && html`<${Ago} at=${endedAt} />${ran && html`, ran ${ran}`}`],
    ["Worker", worker],
  ];
}

/** What it came from, what it made, and where else it is shown. */
function lineage(job: JobSnapshot, place: JobPlace): [string, Children][] {
  const { id, queue, task, rayJob, tags, replayOf, replayedBy, calls } = job;
  const link = (other: string) =>
    html`<a class="mono" href=${`/jobs?id=${encodeURIComponent(other)}`}>${other}</a>`;
  const parent = /^(.+)~\d+$/.exec(id)?.[1];
  const before = /^(.+)~(?:success|failure)$/.exec(id)?.[1];
  return [
    ["Id", html`<code>${id}</code>`],
    ["Task", html`<a href=${`/jobs?task=${encodeURIComponent(task)}`}>${task}</a>`],
    ["Queue", html`<a href=${`/board/queue/${queue}/${encodeURIComponent(id)}`}>${queue}, in Bull Board</a>`],
    [
      "Tags",
      tags.length > 0 &&
        tags.map((tag) => html`<a class="tag" href=${`/jobs?tag=${encodeURIComponent(tag)}`}>${tag}</a> `),
    ],
    [
      "Ray job",
      rayJob &&
        html`<a class="mono" href=${`/ray/${encodeURIComponent(rayJob.submissionId)}`}>${rayJob.submissionId}</a>`,
    ],
    ["Called by", parent !== undefined && link(parent)],
    ["Follows", before !== undefined && link(before)],
    [
      "Workflow",
      calls !== undefined &&
        html`<a href=${`/workflows/${place.queue}/${encodeURIComponent(id)}`}>its ${calls} ${calls === 1 ? "call" : "calls"}</a>`,
    ],
    ["Replay of", replayOf && link(replayOf)],
    ["Replayed by", replayedBy && link(replayedBy)],
    [
      "Made from it",
      html`<a href=${`/jobs?id=${encodeURIComponent(`${id}~`)}`}>calls, replays and continuations</a>`,
    ],
  ].map(([name, value]) => [name as string, value === false ? undefined : (value as Children)]);
}

function Progress({ job }: { job: JobSnapshot }): Html | null {
  const { progress, state } = job;
  if (progress === undefined || state !== "active") return null;
  const { fraction, message } = progress;
  return html`<p id="progress">
    <progress max="1" ...${fraction !== null && { value: fraction }} aria-label="Progress"></progress>
    ${" "}${fraction !== null && html`<strong>${Math.floor(fraction * 100)}%</strong> `}${message}
  </p>`;
}

function Failure({ job, path }: { job: JobSnapshot; path: string }): Html | null {
  const { error } = job;
  if (error === undefined) return null;
  const { code, message, hint, field, value, cause, stack } = error;
  const waits = isEnded(job.state) ? "" : " of the last attempt";
  return html`<${Card} title=${`Error${waits}`} beside=${html`<a href=${`${path}/error.json`}>Download</a>`}>
    <p><code class="fault">${code}</code> ${message}</p>
    ${hint && html`<p>${hint}</p>`}
    <${Facts} facts=${[
      ["Field", field],
      ["Value", value && html`<code>${value}</code>`],
      ["Cause", cause],
    ]} />
    ${
      stack &&
      html`<details>
        <summary>Stack</summary>
        <pre tabindex="0">${stack}</pre>
      </details>`
    }
  <//>`;
}

function Value({ title, value, href }: { title: string; value: unknown; href: string }): Html {
  const text = JSON.stringify(value, undefined, 2) ?? "nothing";
  const cut = text.length > mostShown;
  const download = html`<a href=${href} aria-label=${`Download the whole ${title.toLowerCase()}`}>Download</a>`;
  return html`<${Card} title=${title} beside=${download}>
    <pre tabindex="0">${cut ? `${text.slice(0, mostShown)}…` : text}</pre>
    ${
      cut &&
      html`<p class="hint">
        The first ${mostShown.toLocaleString("en-US")} of ${text.length.toLocaleString("en-US")} characters;
        <a href=${href}>the whole</a>.
      </p>`
    }
  <//>`;
}

/** The end of the log; while the job lives the stream brings what follows. */
function Log({ lines, href }: { lines: readonly string[]; href: string | undefined }): Html {
  return html`<section class="card" id="log">
    <header>
      <h2>Log</h2>
      ${href !== undefined && html`<span class="muted" data-log-state role="status">live</span>`}
    </header>
    <pre tabindex="0" data-log=${href} aria-label="Log">${lines.join("\n")}</pre>
    ${lines.length === lastLines && html`<p class="hint">The last ${lastLines} lines.</p>`}
    ${lines.length === 0 && href === undefined && html`<p class="hint">Nothing was written.</p>`}
    ${href !== undefined && html`<script src="/assets/job-log.js" type="module"></script>`}
  </section>`;
}

async function lastOf(all: AsyncIterable<string>): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of all) {
    lines.push(line);
    if (lines.length > lastLines) lines.shift();
  }
  return lines;
}
