import { Router } from "express";
import type { RayJobRow } from "../../core/cluster.ts";
import { LovageError, toLovageError } from "../../core/errors.ts";
import { defaultCluster, unknownCluster } from "../../task/ray-clusters.ts";
import { type Html, html } from "../html.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";
import { type ClusterLook, createClusterLooks, withPatience } from "../ray/cluster-look.ts";
import { createLogStreams } from "../ray/log-stream.ts";
import {
  BreakerNotice,
  ClusterFigures,
  ClusterTabs,
  ClusterTrouble,
  clusterPath,
  isOpen,
  JobLink,
  NodeTable,
  pathOf,
  RayJobTable,
  ranFor,
} from "../ray/tables.ts";
import { Ago, Card, Facts, StateBadge, Tabs } from "../ui.ts";

/** How long one Ray job may take to be looked at, in milliseconds. */
const deadline = 3000;

export function rayPages({ cluster, client }: DashboardParts): Router {
  const router = Router();
  const names = cluster.clusters.map(({ name }) => name);
  const look = createClusterLooks(cluster);
  const streamLog = createLogStreams(cluster);

  router.get("/ray", async (request, response) => {
    const all = request.query["show"] === "all";
    const name = nameOf(request.query["cluster"]) ?? defaultCluster;
    const [seen, workers] = await Promise.all([look(name), whoTakesForDown(name)]);
    sendPage(request, response, {
      title: "Ray cluster",
      section: "/ray",
      content: html`<link rel="stylesheet" href="/assets/workers.css" /><${ClusterTabs} names=${names} current=${name} />
        <${ClusterParts} name=${name} seen=${seen} all=${all} down=${workers} />`,
    });
  });

  router.get("/ray/:id", async (request, response) => {
    const id = request.params["id"];
    const found = await withPatience(readRayJob(id, nameOf(request.query["cluster"])));
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
        <${RayJobParts} path=${request.originalUrl} found=${found} />
        <${Card} title="Log" beside=${html`<span id="log-state" class="muted" role="status">connecting …</span>`}>
          <pre id="log" tabindex="0" aria-label="Log" data-source=${pathOf({ submissionId: id, cluster: clusterOf(found, request.query["cluster"]) }, "/log")}></pre>
        </${Card}>`,
    });
  });

  router.get("/ray/:id/log", (request, response) => streamLog(request, response));

  /** Looks on every cluster for one that the page's address does not name. */
  async function readRayJob(id: string, name: string | undefined): Promise<RayJobRow | LovageError | null> {
    const looks = (name === undefined ? names : [name]).map(async (each) => {
      try {
        return await cluster.rayJob(id, { cluster: each, timeout: deadline });
      } catch (thrown) {
        return toLovageError(thrown, "RAY_UNAVAILABLE");
      }
    });
    const found = await Promise.all(looks);
    const there = found.find((one) => one !== null && !(one instanceof LovageError));
    return there ?? found.find((one) => one !== null) ?? null;
  }

  /** @throws LovageError `RAY_CLUSTER_UNKNOWN` */
  function nameOf(asked: unknown): string | undefined {
    if (asked === undefined) return undefined;
    if (typeof asked === "string" && names.includes(asked)) return asked;
    throw unknownCluster(String(asked), names);
  }

  async function whoTakesForDown(name: string): Promise<string[]> {
    const workers = (await withPatience(client.inspect.workers().catch(() => []))) ?? [];
    return workers
      .filter(({ state, rayClusters }) => state !== "dead" && (rayClusters?.[name] ?? "closed") !== "closed")
      .map((worker) => worker.name);
  }

  return router;
}

function clusterOf(found: RayJobRow | LovageError | null | undefined, asked: unknown): string {
  if (found && !(found instanceof LovageError)) return found.cluster;
  return typeof asked === "string" ? asked : defaultCluster;
}

/** While the cluster has not answered yet the page asks again soon by itself. */
const triggers = (known: boolean) => (known ? "sse:ray" : "sse:ray, load delay:500ms");

function ClusterParts({
  name,
  seen,
  all,
  down,
}: {
  name: string;
  seen: ClusterLook | undefined;
  all: boolean;
  down: readonly string[];
}): Html {
  const lists = [
    { path: clusterPath(name), name: "Running" },
    { path: clusterPath(name, { show: "all" }), name: "All" },
  ];
  const path = lists[all ? 1 : 0]?.path ?? "/ray";
  return html`<section
    id="ray"
    hx-get=${path}
    hx-select="#ray"
    hx-trigger=${triggers(seen !== undefined)}
    hx-swap="morph:outerHTML"
  >
    <${BreakerNotice} workers=${down} />
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

function RayJobParts({ path, found }: { path: string; found: RayJobRow | LovageError | undefined }): Html {
  return html`<section
    id="ray-job"
    hx-get=${path}
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
    ["Cluster", rayJob.cluster],
    ["Submission id", html`<code>${submissionId}</code>`],
    ["Command", html`<code>${entrypoint}</code>`],
    ["Started", html`<${Ago} at=${startedAt} />`],
    [endedAt === null ? "Runs for" : "Ran for", ranFor(rayJob)],
    ["Ray says", message],
  ] as const;
  return html`<${Card} title=${rayJob.task ?? "Not Lovage's"}><${Facts} facts=${facts} /></${Card}>`;
}
