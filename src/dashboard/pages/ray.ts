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
import { Ago, Card, Facts, StateBadge, Tabs } from "../ui.ts";

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
      content: html`<link rel="stylesheet" href="/assets/workers.css" /><${ClusterParts} seen=${await look()} all=${all} />`,
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
        <${Card} title="Log" beside=${html`<span id="log-state" class="muted" role="status">connecting …</span>`}>
          <pre id="log" tabindex="0" aria-label="Log" data-source=${`/ray/${encodeURIComponent(id)}/log`}></pre>
        </${Card}>`,
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

const lists = [
  { path: "/ray", name: "Running" },
  { path: "/ray?show=all", name: "All" },
];

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
        <${Card} title="Nodes"><${NodeTable} nodes=${seen.nodes} /></${Card}>
        <h2>Ray jobs</h2>
        <${Tabs} label="Which Ray jobs" tabs=${lists} current=${path} />
        <${RayJobTable}
          rayJobs=${all ? seen.rayJobs : seen.rayJobs.filter(isOpen)}
          empty=${all ? "The cluster knows no Ray job." : "No Ray job runs."}
        />`
    }
    ${seen !== undefined && html`<p class="muted">Seen <${Ago} at=${seen.at} />.</p>`}
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
    ${found === undefined && html`<p class="empty">Asking the cluster …</p>`}
    ${found instanceof LovageError && html`<${ClusterTrouble} error=${found} />`}
    ${found !== undefined && !(found instanceof LovageError) && html`<${RayJobFacts} rayJob=${found} />`}
  </section>`;
}

function RayJobFacts({ rayJob }: { rayJob: RayJobRow }): Html {
  const { submissionId, status, startedAt, endedAt, message, entrypoint } = rayJob;
  const facts = [
    ["Status", html`<${StateBadge} state=${status.toLowerCase()} />`],
    ["Job", html`<${JobLink} rayJob=${rayJob} />`],
    ["Submission id", html`<code>${submissionId}</code>`],
    ["Command", html`<code>${entrypoint}</code>`],
    ["Started", html`<${Ago} at=${startedAt} />`],
    [endedAt === null ? "Runs for" : "Ran for", ranFor(rayJob)],
    ["Ray says", message],
  ] as const;
  return html`<${Card} title=${rayJob.task ?? "Not Lovage's"}><${Facts} facts=${facts} /></${Card}>`;
}
