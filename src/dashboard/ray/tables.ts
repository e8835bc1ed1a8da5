import type { ClusterNodeRow, RayJobRow } from "../../core/cluster.ts";
import { formatMilliseconds } from "../../core/durations.ts";
import type { LovageError } from "../../core/errors.ts";
import { defaultCluster } from "../../task/ray-clusters.ts";
import { formatBytes } from "../bytes.ts";
import { type Html, html } from "../html.ts";
import { Ago, Figure, Figures, StateBadge, Table, Tabs } from "../ui.ts";

/** Rows of the list of Ray jobs; Ray itself knows no end of them. */
const mostRows = 100;

export function ClusterFigures({
  nodes,
  rayJobs,
}: {
  nodes: readonly ClusterNodeRow[];
  rayJobs: readonly RayJobRow[];
}): Html {
  const alive = nodes.filter((node) => node.alive);
  const sum = (of: (node: ClusterNodeRow) => number | null) =>
    alive.reduce((total, node) => total + (of(node) ?? 0), 0);
  const dead = nodes.length - alive.length;
  const known = alive.some((node) => node.cpusUsed !== null);
  return html`<${Figures}>
    <${Figure} name="Nodes" value=${alive.length} note=${dead === 0 ? undefined : `${dead} dead`} alarm=${alive.length === 0} />
    <${Figure} name="CPUs used" value=${`${known ? formatCpus(sum((node) => node.cpusUsed)) : "?"} of ${sum((node) => node.cpus)}`} />
    <${Figure} name="Memory" value=${formatBytes(sum((node) => node.memory))} />
    <${Figure} name="Ray jobs running" value=${rayJobs.filter(isOpen).length} />
    <${Figure} name="Ray jobs known" value=${rayJobs.length} />
  </${Figures}>`;
}

export function NodeTable({ nodes }: { nodes: readonly ClusterNodeRow[] }): Html {
  const rows = nodes.map(
    (node) => html`<tr>
      <th scope="row" class="nowrap">${node.address} <small class="muted mono">${node.id.slice(0, 12)}</small></th>
      <td>${node.head ? "head" : "worker"}</td>
      <td><${StateBadge} state=${node.alive ? "alive" : "dead"} /></td>
      <td>
        ${formatCpus(node.cpusUsed)} of ${node.cpus} 
        ${node.alive && html`<meter min="0" max=${Math.max(node.cpus, 1)} value=${node.cpusUsed ?? 0} aria-label="CPUs used"></meter>`}
      </td>
      <td>${formatBytes(node.memory)}</td>
    </tr>`,
  );
  return html`<${Table}
    caption="Nodes"
    head=${["Node", "Role", "State", "CPUs used", "Memory"]}
    rows=${rows}
    empty="The cluster has no nodes."
  />`;
}

/** Ray adds up shares of CPUs in binary fractions. */
function formatCpus(cpus: number | null): string {
  return cpus === null ? "?" : String(Number(cpus.toFixed(2)));
}

export function isOpen({ status }: Pick<RayJobRow, "status">): boolean {
  return status === "PENDING" || status === "RUNNING";
}

/** The newest first. */
export function RayJobTable({ rayJobs, empty }: { rayJobs: readonly RayJobRow[]; empty: string }): Html {
  const sorted = rayJobs.toSorted((a, b) => begun(b) - begun(a));
  const rows = sorted.slice(0, mostRows).map(
    (rayJob) => html`<tr>
      <th scope="row" class="id"><a href=${pathOf(rayJob)}>${rayJob.submissionId}</a></th>
      <td><${StateBadge} state=${rayJob.status.toLowerCase()} /></td>
      <td><${JobLink} rayJob=${rayJob} /></td>
      <td><${Ago} at=${rayJob.startedAt} /></td>
      <td>${ranFor(rayJob)}</td>
    </tr>`,
  );
  const more = sorted.length - mostRows;
  return html`<${Table}
      caption="Ray jobs"
      head=${["Submission id", "Status", "Job", "Started", "Ran"]}
      rows=${rows}
      empty=${empty}
    />
    ${more > 0 && html`<p class="muted">${more} older ones are not shown.</p>`}`;
}

/** The page of a Ray job. */
export function pathOf(
  { submissionId, cluster }: Pick<RayJobRow, "submissionId" | "cluster">,
  behind = "",
): string {
  const query = cluster === defaultCluster ? "" : `?cluster=${encodeURIComponent(cluster)}`;
  return `/ray/${encodeURIComponent(submissionId)}${behind}${query}`;
}

/** The clusters, where there are several; each leads to its own page. */
export function ClusterTabs({ names, current }: { names: readonly string[]; current: string }): Html {
  const tabs = names.map((name) => ({ path: clusterPath(name), name }));
  return html`${tabs.length > 1 && html`<${Tabs} label="Which cluster" tabs=${tabs} current=${clusterPath(current)} />`}`;
}

/** The page of a cluster. */
export function clusterPath(name: string, query: Readonly<Record<string, string>> = {}): string {
  const asked = new URLSearchParams(name === defaultCluster ? query : { cluster: name, ...query });
  return asked.size === 0 ? "/ray" : `/ray?${asked}`;
}

/** The job that made a Ray job; of others' the command. */
export function JobLink({ rayJob }: { rayJob: RayJobRow }): Html {
  const { jobId, queue, task, attempt, entrypoint } = rayJob;
  if (jobId === null || queue === null) return html`<code>${entrypoint}</code>`;
  return html`<a href=${`/jobs/${encodeURIComponent(queue)}/${encodeURIComponent(jobId)}`}>${task ?? jobId}</a>
    <br /><small class="muted">${queue} · ${jobId} · attempt ${attempt}</small>`;
}

export function ranFor({ startedAt, endedAt }: RayJobRow): string {
  if (startedAt === null) return "–";
  return formatMilliseconds(Math.max(0, (endedAt?.getTime() ?? Date.now()) - startedAt.getTime()));
}

function begun({ startedAt }: RayJobRow): number {
  return startedAt?.getTime() ?? Number.MAX_SAFE_INTEGER;
}

/** A cluster that is away: said on the page, for the rest of the page is there. */
export function ClusterTrouble({ error }: { error: LovageError }): Html {
  return html`<div class="notice failed" role="status">
    <p><strong>The Ray cluster cannot be reached.</strong> <code>${error.code}</code> ${error.message}</p>
    <p>${error.hint ?? "Is the cluster up, and does its address lead to it? Jobs of Ray tasks wait meanwhile."}</p>
  </div>`;
}

/** The workers that begin nothing on the cluster. */
export function BreakerNotice({ workers }: { workers: readonly string[] }): Html {
  return html`${
    workers.length > 0 &&
    html`<div class="notice failed" role="status">
      <p><strong>Taken for down by ${workers.join(", ")}.</strong> Nothing is begun here; jobs for it wait without using
      an attempt, and go on by themselves when it answers.</p>
    </div>`
  }`;
}
