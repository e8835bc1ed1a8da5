import type { ActiveJob, RegisteredTask, WorkerReport, WorkerStats, WorkerView } from "../../client/index.ts";
import { formatMilliseconds } from "../../core/durations.ts";
import { formatBytes } from "../bytes.ts";
import { type Html, html } from "../html.ts";
import { taskPath } from "../tasks/views.ts";
import { Ago, Card, Facts, Figure, Figures, Table } from "../ui.ts";
import { ActiveJobTable } from "./active-jobs.ts";
import { Lag, lastTaken, upFor, WorkerState } from "./list.ts";

/** What the worker said when it was asked; what it did not say in time is undefined. */
export interface WorkerSaid {
  stats: WorkerStats | undefined;
  active: ActiveJob[] | undefined;
  registered: RegisteredTask[] | undefined;
  conf: Record<string, unknown> | undefined;
  report: WorkerReport | undefined;
}

/** The part that goes on living. */
export function WorkerNow({ worker, said }: { worker: WorkerView; said: WorkerSaid }): Html {
  const { stats, active } = said;
  return html`<${Figures}>
      <${Figure} name="State" value=${html`<${WorkerState} worker=${worker} />`} />
      <${Figure} name="Processed" value=${worker.completed + worker.failed} />
      <${Figure} name="Failed" value=${worker.failed} />
      <${Figure} name="Retried" value=${worker.retried} />
      ${stats && html`<${Figure} name="Cancelled" value=${stats.cancelled} />`}
      ${stats && html`<${Figure} name="Expired" value=${stats.expired} />`}
      ${stats && html`<${Figure} name="Handed back" value=${stats.handedBack} />`}
      <${Figure} name="Memory" value=${formatBytes(worker.rss)} note=${stats && `heap ${formatBytes(stats.memory.heapUsed)}`} />
      <${Figure} name="Loop lag" value=${html`<${Lag} worker=${worker} />`} />
      ${stats && html`<${Figure} name="CPU time" value=${formatMilliseconds(stats.cpu.user + stats.cpu.system)} />`}
      <${Figure} name="Up" value=${upFor(worker)} />
      <${Figure} name="Last took a job" value=${html`<${Ago} at=${lastTaken(worker)} />`} />
    </${Figures}>
    <${Card} title="Active jobs"><${ActiveJobTable} jobs=${active ?? []} silent=${active === undefined} /></${Card}>`;
}

/** The part that stays as it is while the worker runs. */
export function WorkerFacts({ worker, said }: { worker: WorkerView; said: WorkerSaid }): Html {
  const { report, conf, registered } = said;
  const facts = [
    ["Host", worker.host],
    ["Process", worker.pid],
    ["Started", html`<${Ago} at=${new Date(worker.startedAt)} />`],
    ["Lovage", worker.version],
    ["Node.js", report?.node],
    ["Platform", report && `${report.platform} ${report.arch}, ${report.cpus} CPUs`],
    ["Redis", report?.redis],
    [
      "Machine's memory",
      report && `${formatBytes(report.memory.free)} free of ${formatBytes(report.memory.total)}`,
    ],
    ["Largest heap", report && formatBytes(report.memory.heapLimit)],
  ] as const;
  return html`<div class="grid">
      <${Card} title="Report"><${Facts} facts=${facts} /></${Card}>
      <${Card} title="Configuration">
        ${
          conf === undefined
            ? html`<p class="empty">The worker did not answer in time.</p>`
            : html`<pre tabindex="0" aria-label="Configuration">${JSON.stringify(conf, null, 2)}</pre>
                <p class="hint">Secrets are masked by the worker.</p>`
        }
      </${Card}>
    </div>
    <${Card} title="Registered tasks"><${RegisteredTable} tasks=${registered} /></${Card}>`;
}

function RegisteredTable({ tasks }: { tasks: RegisteredTask[] | undefined }): Html {
  const rows = (tasks ?? []).map(
    ({ name, queue, kind, served }) => html`<tr>
      <th scope="row"><a href=${taskPath(name)}>${name}</a></th>
      <td>${queue}</td>
      <td>${kind}</td>
      <td>${served ? "yes" : html`<span class="muted">its queue is not served here</span>`}</td>
    </tr>`,
  );
  return html`<${Table}
    caption="Registered tasks"
    head=${["Task", "Queue", "Kind", "Served"]}
    rows=${rows}
    empty=${tasks === undefined ? "The worker did not answer in time." : "It knows no task."}
  />`;
}
