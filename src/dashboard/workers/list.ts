import type { ActiveJob, WorkerView } from "../../client/index.ts";
import { formatMilliseconds } from "../../core/durations.ts";
import { formatBytes } from "../bytes.ts";
import { type Html, html } from "../html.ts";
import { Ago, Figure, Figures, StateBadge, Table } from "../ui.ts";
import { ActiveJobs } from "./active-jobs.ts";

const count = new Intl.NumberFormat("en-US");

export function workerPath(name: string): string {
  return `/workers/${encodeURIComponent(name)}`;
}

export function WorkerFigures({ workers }: { workers: readonly WorkerView[] }): Html {
  const inState = (state: WorkerView["state"]) => workers.filter((worker) => worker.state === state).length;
  const live = workers.filter(({ state }) => state !== "dead").flatMap(({ queues }) => queues);
  const sum = (of: (queue: WorkerView["queues"][number]) => number) =>
    live.reduce((total, queue) => total + of(queue), 0);
  const [stuck, dead] = [inState("stuck"), inState("dead")];
  return html`<${Figures}>
    <${Figure} name="Alive" value=${inState("alive")} alarm=${inState("alive") === 0} />
    <${Figure} name="Stuck" value=${stuck} alarm=${stuck > 0} />
    <${Figure} name="Dead" value=${dead} alarm=${dead > 0} />
    <${Figure} name="Stopping" value=${inState("stopping")} />
    <${Figure} name="Slots used" value=${`${sum((queue) => queue.active)} of ${sum((queue) => queue.concurrency)}`} />
  </${Figures}>`;
}

export function WorkerTable(props: {
  workers: readonly WorkerView[];
  active: ReadonlyMap<string, ActiveJob[]>;
  /** What may be done to a worker, for its row. */
  actions: (worker: WorkerView) => Html | null;
}): Html {
  const { workers, active, actions } = props;
  const rows = workers.map(
    (worker) => html`<tr id=${`worker-${worker.name}`}>
      <th scope="row" class="nowrap">
        <a href=${workerPath(worker.name)}>${worker.name}</a>
        ${worker.version !== "" && html`<br /><small class="muted">Lovage ${worker.version}</small>`}
      </th>
      <td><${WorkerState} worker=${worker} /></td>
      <td><${ServedQueues} worker=${worker} /></td>
      <td>
        ${
          active.has(worker.name) || worker.state === "dead"
            ? html`<${ActiveJobs} jobs=${active.get(worker.name) ?? []} />`
            : html`<span class="muted">no answer</span>`
        }
      </td>
      <td class="number nowrap">
        ${count.format(worker.completed + worker.failed)}<br />
        <small class="muted">${count.format(worker.failed)} failed<br />${count.format(worker.retried)} retried</small>
      </td>
      <td class="number nowrap">
        ${formatBytes(worker.rss)}<br /><small class="muted">lag <${Lag} worker=${worker} /></small>
      </td>
      <td class="nowrap"><${Ago} at=${lastTaken(worker)} /><br /><small class="muted">up ${upFor(worker)}</small></td>
      <td>${actions(worker)}</td>
    </tr>`,
  );
  const head = ["Name", "State", "Queues", "Active jobs", "Processed", "Memory", "Last job", ""];
  return html`<${Table}
    caption="Workers"
    head=${head}
    rows=${rows}
    empty="No worker has run within the last hour. Start one: lovage worker"
  />`;
}

/** Its state, and why, where there is something to say. */
export function WorkerState({ worker }: { worker: WorkerView }): Html {
  const why = worker.state === "stopping" ? stoppingWhy(worker) : worker.why;
  return html`<${StateBadge} state=${worker.state} />${why !== "" && html`<small class="why">${why}</small>`}`;
}

function stoppingWhy({ queues }: WorkerView): string {
  const running = queues.reduce((sum, { active }) => sum + active, 0);
  return running === 0 ? "it was told to stop" : `it was told to stop and waits for ${running} of its jobs`;
}

function ServedQueues({ worker }: { worker: WorkerView }): Html {
  return html`<ul class="plain">
    ${worker.queues.map(
      ({ name, active, concurrency, paused }) => html`<li class="nowrap">
        ${name} <small class="muted">${active}/${concurrency}</small>${paused && html` <${StateBadge} state="paused" />`}
      </li>`,
    )}
  </ul>`;
}

/** How long its event loop was held up at most within the last ten seconds. */
export function Lag({ worker }: { worker: WorkerView }): Html {
  const { lag } = worker;
  return lag > 1000 ? html`<strong class="fault">${formatMilliseconds(lag)}</strong>` : html`${lag} ms`;
}

/** When it last took a job, of any queue. */
export function lastTaken({ queues }: WorkerView): Date | null {
  const taken = Math.max(0, ...queues.map(({ takenAt }) => takenAt ?? 0));
  return taken === 0 ? null : new Date(taken);
}

/** By its own clock. */
export function upFor({ at, startedAt }: WorkerView): string {
  return formatMilliseconds(Math.max(0, at - startedAt));
}
