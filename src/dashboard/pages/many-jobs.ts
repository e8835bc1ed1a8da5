import { type Request, type Response, Router } from "express";
import { LovageError } from "../../core/errors.ts";
import type { JobState } from "../../core/states.ts";
import type { JobQuery } from "../../queue/found-job.ts";
import { requireRole } from "../access.ts";
import type { Audit } from "../audit.ts";
import { type BulkRun, createBulkRuns } from "../bulk-runs.ts";
import { type Html, html } from "../html.ts";
import { type JobFields, readFields, toQuery, toUrl } from "../job-query.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";
import { ActionButton, Ago, CsrfField, Facts } from "../ui.ts";
import { done } from "./job-actions.ts";

/** The states in which a job can be cancelled, or replayed. */
const statesFor = {
  cancel: ["active", "waiting", "scheduled", "waiting-children"],
  replay: ["failed", "cancelled", "expired"],
} as const satisfies Record<string, readonly JobState[]>;
type Kind = keyof typeof statesFor;

/** Beyond this a count tells no more: it is many. */
const mostCounted = 10_000;

/** A request counts for so long, in milliseconds, then the page asks again. */
const countingTime = 100;

/** Cancel and replay of all jobs that match a search: first how many they are, then, when it is confirmed, at work. */
export function manyJobs(parts: DashboardParts, audit: Audit): Router {
  const { client } = parts;
  const router = Router();
  const runs = createBulkRuns(parts);

  async function count(kind: Kind, request: Request, response: Response): Promise<void> {
    // Jobs that are enqueued from now on are not meant.
    const fields = { until: new Date().toISOString(), ...readFields(request.query) };
    const asked = request.query as Record<string, string | undefined>;
    let counted = Number(asked["counted"] ?? 0) || 0;
    let cursor: string | null = asked["cursor"] ?? null;
    let looked = 0;
    let total = 1;
    const query = narrow(kind, toQuery(fields));
    const until = performance.now() + countingTime;
    if (query !== undefined)
      do {
        const page: Awaited<ReturnType<typeof client.search>> = await client.search(query, {
          limit: 1000,
          ...(cursor !== null && { cursor }),
        });
        counted += page.jobs.length;
        ({ cursor, looked, total } = page);
      } while (cursor !== null && counted < mostCounted && performance.now() < until);
    const over = cursor === null || counted >= mostCounted;
    const next = toUrl(`/jobs/matching/${kind}`, fields, { cursor: cursor ?? "", counted: String(counted) });
    const number = `${counted >= mostCounted ? "More than " : ""}${counted.toLocaleString("en-US")}`;
    sendPage(request, response, {
      title: kind === "cancel" ? "Cancel all that match" : "Replay all that match",
      section: "/jobs",
      content: html`<section class="card" id="count">
        <${Facts} facts=${Object.entries(fields)} />
        <p role="status">
          <strong>${number}</strong> ${counted === 1 ? "job" : "jobs"} ${over ? "" : "so far "}can be ${done[kind]}.
          ${!over && html`<progress max="1" value=${looked / total} aria-label="Looked at"></progress>`}
        </p>
        ${
          over
            ? html`<${Confirm} kind=${kind} fields=${fields} count=${counted} csrfToken=${response.locals["csrfToken"] ?? ""} />`
            : html`<a
                class="button"
                href=${next}
                hx-get=${next}
                hx-target="#count"
                hx-select="#count"
                hx-swap="outerHTML"
                hx-trigger="load, click"
                >Count on</a
              >`
        }
        <p><a href=${toUrl("/jobs", readFields(request.query))}>Back to the search</a></p>
      </section>`,
    });
  }

  async function start(kind: Kind, request: Request, response: Response): Promise<void> {
    const fields = readFields(request.body);
    const query = narrow(kind, toQuery(fields));
    if (Object.keys(fields).length === 0 || query === undefined) {
      throw new LovageError("INPUT_INVALID", "nothing says which jobs are meant", {
        field: "state",
        hint: `search for jobs that can be ${done[kind]} first`,
      });
    }
    const by = request.viewer?.name ?? "";
    const note = (run: BulkRun, when: string) =>
      audit(request, {
        action: `job.${kind}`,
        target: "all jobs that match",
        details: { ...fields, when, run: run.id, count: run.count, failed: run.failed },
      });
    const run = runs.start({ kind, fields, by }, query, (ended) => void note(ended, "ended"));
    await note(run, "began");
    response.redirect(303, `/jobs/runs/${run.id}`);
  }

  function find(request: Request): BulkRun {
    const run = runs.get(String(request.params["id"]));
    if (run !== undefined) return run;
    throw new LovageError("NOT_FOUND", "there is no such run", {
      hint: "the dashboard was started again since, or another one began it; what it did stays done",
    });
  }

  for (const kind of ["cancel", "replay"] as const) {
    const path = `/jobs/matching/${kind}`;
    router.get(path, requireRole("operator"), (request, response) => count(kind, request, response));
    router.post(path, requireRole("operator"), (request, response) => start(kind, request, response));
  }
  router.get("/jobs/runs/:id", (request, response) => {
    const run = find(request);
    sendPage(request, response, {
      title: run.kind === "cancel" ? "Cancelling all that match" : "Replaying all that match",
      section: "/jobs",
      content: html`<${Run} run=${run} csrfToken=${response.locals["csrfToken"] ?? ""} />`,
    });
  });
  router.post("/jobs/runs/:id/stop", requireRole("operator"), (request, response) => {
    const run = find(request);
    run.stopped = true;
    response.redirect(303, `/jobs/runs/${run.id}`);
  });
  return router;
}

/** The query for those jobs only with which it can be done; undefined when there can be none. */
function narrow(kind: Kind, query: JobQuery): JobQuery | undefined {
  const able: readonly JobState[] = statesFor[kind];
  const states = query.states === undefined ? able : query.states.filter((state) => able.includes(state));
  return states.length === 0 ? undefined : { ...query, states };
}

function Confirm(props: { kind: Kind; fields: JobFields; count: number; csrfToken: string }): Html | null {
  const { kind, fields, count, csrfToken } = props;
  if (count === 0) return null;
  const label = kind === "cancel" ? "Cancel them all" : "Replay them all";
  return html`<form method="post" action=${`/jobs/matching/${kind}`}>
    <${CsrfField} token=${csrfToken} />
    ${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name=${name} value=${value} />`)}
    <p>
      <button type="submit" class=${kind === "cancel" ? "danger" : "primary"}>${label}</button>
    </p>
  </form>`;
}

function Run({ run, csrfToken }: { run: BulkRun; csrfToken: string }): Html {
  const { id, kind, fields, by, startedAt, endedAt, looked, total, count, failed, faults, stopped } = run;
  const path = `/jobs/runs/${id}`;
  const goesOn = endedAt === undefined && {
    "hx-get": path,
    "hx-select": "#run",
    "hx-trigger": "every 1s",
    "hx-swap": "morph:outerHTML",
  };
  return html`<section class="card" id="run" ...${goesOn}>
    <p role="status">
      <strong>${count.toLocaleString("en-US")}</strong> ${done[kind]}, ${failed.toLocaleString("en-US")} could not be.
      ${endedAt === undefined ? "It goes on." : stopped ? "It was stopped." : "It is done."}
    </p>
    <p>
      <progress max="1" value=${total === 0 ? 0 : looked / total} aria-label="Looked at"></progress>
      ${" "}looked at ${looked.toLocaleString("en-US")} of ${total.toLocaleString("en-US")}
    </p>
    <${Facts}
      facts=${[
        ...Object.entries(fields),
        ["by", by],
        ["began", html`<${Ago} at=${startedAt} />`],
        ["ended", endedAt && html`<${Ago} at=${endedAt} />`],
      ]}
    />
    ${faults.length > 0 && html`<ul>${faults.map((fault) => html`<li>${fault}</li>`)}</ul>`}
    ${endedAt === undefined && html`<${ActionButton} action=${`${path}/stop`} label="Stop" csrfToken=${csrfToken} />`}
    <p><a href=${toUrl("/jobs", fields)}>The search</a></p>
  </section>`;
}
