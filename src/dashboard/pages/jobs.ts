import { type Request, type Response, Router } from "express";
import type { JobPage } from "../../client/index.ts";
import { LovageError } from "../../core/errors.ts";
import type { Audit } from "../audit.ts";
import { type Html, html } from "../html.ts";
import { type JobFields, readFields, toQuery, toUrl } from "../job-query.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";
import { allows } from "../viewer.ts";
import { enqueuePages } from "./enqueue.ts";
import { jobPage } from "./job.ts";
import { jobActions } from "./job-actions.ts";
import { jobLog } from "./job-log.ts";
import { JobTable, PickedBar } from "./job-table.ts";
import { manyJobs } from "./many-jobs.ts";
import { replayPages } from "./replay.ts";
import { SearchForm } from "./search-form.ts";

/** How many jobs a part of the list has. */
const partSize = 50;

/** A search that took longer than this, in milliseconds, is not repeated by itself at each piece of news. */
const quick = 100;

export function jobPages(parts: DashboardParts, audit: Audit): Router {
  const router = Router();
  router.get("/jobs", (request, response) => showList(parts, request, response));
  router.use(
    enqueuePages(parts, audit),
    manyJobs(parts, audit),
    jobActions(parts, audit),
    replayPages(parts, audit),
    jobLog(parts),
    jobPage(parts),
  );
  return router;
}

async function showList({ client }: DashboardParts, request: Request, response: Response): Promise<void> {
  const fields = readFields(request.query);
  const cursor = textOf(request.query["cursor"]);
  const before = Number(textOf(request.query["found"]) ?? 0) || 0;
  const begun = performance.now();
  const [tasks, searched] = await Promise.all([
    client.tasks(),
    search(() =>
      client.search(toQuery(fields), { limit: partSize, ...(cursor !== undefined && { cursor }) }),
    ),
  ]);
  const isQuick = performance.now() - begun < quick;
  const { viewer } = request;
  const mayChange = viewer !== undefined && allows(viewer, "operator");
  const { page, fault } = searched;
  if (fault !== undefined) response.status(422);
  const url = toUrl("/jobs", fields);
  // A further part stands still: its jobs may have moved to the first one meanwhile.
  const live = page !== undefined && cursor === undefined && isQuick;
  sendPage(request, response, {
    title: "Jobs",
    section: "/jobs",
    content: html`
      <script src="/assets/jobs.js" type="module"></script>
      ${mayChange && html`<p><a class="button" href="/jobs/new">Enqueue a job</a></p>`}
      <${SearchForm} fields=${fields} tasks=${tasks.map(({ name }) => name)} fault=${fault} />
      ${
        page &&
        html`<section
          id="jobs"
          ...${live && { "hx-get": url, "hx-select": "#jobs", "hx-trigger": "sse:jobs throttle:2s", "hx-swap": "morph:outerHTML" }}
        >
          ${
            mayChange &&
            html`<${PickedBar}
              csrfToken=${response.locals["csrfToken"] ?? ""}
              back=${url}
              discard=${allows(viewer, "admin")}
            />`
          }
          <${JobTable} jobs=${page.jobs} picks=${mayChange} />
          <${More} page=${page} fields=${fields} before=${before} />
          ${mayChange && html`<${AllThatMatch} fields=${fields} />`}
        </section>`
      }
    `,
  });
}

/** How much was looked at, and the way on; it goes on by itself while little was found. */
function More({ page, fields, before }: { page: JobPage; fields: JobFields; before: number }): Html {
  const { cursor, looked, total } = page;
  const found = before + page.jobs.length;
  const numbers = `${looked.toLocaleString("en-US")} of ${total.toLocaleString("en-US")}`;
  const first = toUrl("/jobs", fields);
  if (cursor === null) {
    const none = html`No job fits; all ${numbers} were looked at.`;
    return html`<div id="more" class="more" data-further=${before > 0 ? "yes" : undefined}>
      <p role="status">${found === 0 ? none : html`${found} found; all were looked at.`}</p>
      ${before > 0 && html`<a class="button" href=${first}>Back to the first</a>`}
    </div>`;
  }
  const next = toUrl("/jobs", fields, { cursor, found: String(found) });
  const goesOn = found < partSize;
  return html`<div id="more" class="more" data-further=${before > 0 ? "yes" : undefined}>
    <p role="status">
      ${found} found; looked at ${numbers} <progress max="1" value=${looked / Math.max(1, total)} aria-label="Looked at"></progress>
    </p>
    <a
      class="button on"
      href=${next}
      rel="next"
      hx-get=${next}
      hx-target="#more"
      hx-select="#more"
      hx-select-oob="#rows:beforeend"
      hx-swap="outerHTML"
      hx-trigger=${goesOn ? "load, click" : "click"}
    >
      Look on
    </a>
    ${goesOn && html`<button type="button" data-stop>Stop</button>`}
    ${before > 0 && html`<a class="button" href=${first}>Back to the first</a>`}
  </div>`;
}

function AllThatMatch({ fields }: { fields: JobFields }): Html | null {
  if (Object.keys(fields).length === 0) return null;
  return html`<p class="actions">
    <a class="button" href=${toUrl("/jobs/matching/cancel", fields)}>Cancel all that match …</a>
    <a class="button" href=${toUrl("/jobs/matching/replay", fields)}>Replay all that match …</a>
  </p>`;
}

interface Searched {
  page?: JobPage;
  fault?: { field: string | undefined; text: string };
}

/** A search, or what is wrong with what was asked for. */
async function search(run: () => Promise<JobPage>): Promise<Searched> {
  try {
    return { page: await run() };
  } catch (error) {
    if (!(error instanceof LovageError && error.code === "INPUT_INVALID")) throw error;
    const text = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
    return { fault: { field: error.field, text } };
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
