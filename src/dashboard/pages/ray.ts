import { Router } from "express";
import type { RayJobRow } from "../../core/cluster.ts";
import { LovageError, toLovageError } from "../../core/errors.ts";
import { type Html, html } from "../html.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";
import { type ClusterLook, createClusterLooks, withPatience } from "../ray/cluster-look.ts";
import { createLogStreams } from "../ray/log-stream.ts";
import {
  ClusterFigures,
  ClusterTrouble,
  isOpen,
  JobLink,
  NodeTable,
  RayJobTable,
  ranFor,
} from "../ray/tables.ts";
import { Ago, Figure, StateBadge } from "../ui.ts";

/** How long one Ray job may take to be looked at, in milliseconds. */
const deadline = 3000;

export function rayPages({ cluster }: DashboardParts): Router {
  const router = Router();
  const look = createClusterLooks(cluster);
  const streamLog = createLogStreams(cluster);

  router.get("/ray", async (request, response) => {
    const all = request.query["show"] === "all";
    sendPage(request, response, {
      title: "Ray cluster",
      section: "/ray",
      content: html`<${ClusterParts} seen=${await look()} all=${all} />`,
    });
  });

  router.get("/ray/:id", async (request, response) => {
    const id = request.params["id"];
    const found = await withPatience(readRayJob(id));
    if (found === null) {
      throw new LovageError("NOT_FOUND", `the cluster knows no Ray job ${id}`, {
        field: "submissionId",
        value: id,
        hint: "a cluster that was replaced has forgotten its Ray jobs",
      });
    }
    sendPage(request, response, {
      title: "Ray job",
      section: "/ray",
      content: html`<link rel="stylesheet" href="/assets/ray.css" />
        <script type="module" src="/assets/ray-log.js"></script>
        <${RayJobParts} id=${id} found=${found} />
        <section class="ray-log" aria-labelledby="log-title">
          <h2 id="log-title">Log</h2>
          <p id="log-state" role="status">connecting …</p>
          <pre id="log" tabindex="0" aria-label="Log" data-source=${`/ray/${encodeURIComponent(id)}/log`}></pre>
        </section>`,
    });
  });

  router.get("/ray/:id/log", (request, response) => streamLog(request, response));

  async function readRayJob(id: string): Promise<RayJobRow | LovageError | null> {
    try {
      return await cluster.rayJob(id, { timeout: deadline });
    } catch (thrown) {
      return toLovageError(thrown, "RAY_UNAVAILABLE");
    }
  }

  return router;
}

/** While the cluster has not answered yet the page asks again soon by itself. */
const triggers = (known: boolean) => (known ? "sse:ray" : "sse:ray, load delay:500ms");

function ClusterParts({ seen, all }: { seen: ClusterLook | undefined; all: boolean }): Html {
  const path = all ? "/ray?show=all" : "/ray";
  return html`<section
    id="ray"
    hx-get=${path}
    hx-select="#ray"
    hx-trigger=${triggers(seen !== undefined)}
    hx-swap="morph:outerHTML"
  >
    ${seen === undefined && html`<p class="empty">Asking the cluster …</p>`}
    ${seen?.error !== undefined && html`<${ClusterTrouble} error=${seen.error} />`}
    ${
      seen !== undefined &&
      seen.error === undefined &&
      html`<${ClusterFigures} nodes=${seen.nodes} rayJobs=${seen.rayJobs} />
        <h2>Nodes</h2>
        <${NodeTable} nodes=${seen.nodes} />
        <h2>Ray jobs</h2>
        <nav aria-label="Which Ray jobs" class="choice">
          <a href="/ray" aria-current=${all ? undefined : "true"}>Running</a>
          <a href="/ray?show=all" aria-current=${all ? "true" : undefined}>All</a>
        </nav>
        <${RayJobTable}
          rayJobs=${all ? seen.rayJobs : seen.rayJobs.filter(isOpen)}
          empty=${all ? "The cluster knows no Ray job." : "No Ray job runs."}
        />`
    }
    ${seen !== undefined && html`<p class="note">Seen <${Ago} at=${seen.at} />.</p>`}
  </section>`;
}

function RayJobParts({ id, found }: { id: string; found: RayJobRow | LovageError | undefined }): Html {
  return html`<section
    id="ray-job"
    hx-get=${`/ray/${encodeURIComponent(id)}`}
    hx-select="#ray-job"
    hx-trigger=${triggers(found !== undefined)}
    hx-swap="morph:outerHTML"
  >
    <p><code>${id}</code></p>
    ${found === undefined && html`<p class="empty">Asking the cluster …</p>`}
    ${found instanceof LovageError && html`<${ClusterTrouble} error=${found} />`}
    ${found !== undefined && !(found instanceof LovageError) && html`<${RayJobFacts} rayJob=${found} />`}
  </section>`;
}

function RayJobFacts({ rayJob }: { rayJob: RayJobRow }): Html {
  const { status, startedAt, endedAt, message, entrypoint } = rayJob;
  return html`<dl class="figures">
      <${Figure} name="Status" value=${html`<${StateBadge} state=${status.toLowerCase()} />`} />
      <${Figure} name="Job" value=${html`<${JobLink} rayJob=${rayJob} />`} />
      <${Figure} name="Command" value=${html`<code>${entrypoint}</code>`} />
      <${Figure} name="Started" value=${html`<${Ago} at=${startedAt} />`} />
      <${Figure} name=${endedAt === null ? "Runs for" : "Ran"} value=${ranFor(rayJob)} />
    </dl>
    ${message !== null && html`<p class="note">Ray says: ${message}</p>`}`;
}
