import type { ActiveJob, Answers } from "../../client/index.ts";
import { formatMilliseconds } from "../../core/durations.ts";
import { type Html, html } from "../html.ts";
import { Table } from "../ui.ts";

export function jobPath({ queue, id }: Pick<ActiveJob, "queue" | "id">): string {
  return `/jobs/${encodeURIComponent(queue)}/${encodeURIComponent(id)}`;
}

/** The jobs that each worker said it runs, the oldest first; none of a worker that did not answer. */
export function byWorker({ answers }: Answers<ActiveJob[]>): Map<string, ActiveJob[]> {
  return new Map(
    answers.map(({ worker, answer }) => [worker, answer.toSorted((a, b) => b.running - a.running)]),
  );
}

/** Jobs in the list of workers: so many, and how many more there are. */
const shownInList = 4;

export function ActiveJobs({ jobs }: { jobs: readonly ActiveJob[] }): Html {
  if (jobs.length === 0) return html`<span class="none">–</span>`;
  const more = jobs.length - shownInList;
  return html`<ul class="plain">
    ${jobs.slice(0, shownInList).map(
      (job) => html`<li class="nowrap">
        <a href=${jobPath(job)} title=${job.id}>${job.task}</a>
        <small class="muted"> ${formatMilliseconds(job.running)}</small>
      </li>`,
    )}
    ${more > 0 && html`<li class="muted">and ${more} more</li>`}
  </ul>`;
}

export function ActiveJobTable({ jobs, silent }: { jobs: readonly ActiveJob[]; silent: boolean }): Html {
  const rows = jobs.map(
    (job) => html`<tr>
      <th scope="row" class="id"><a href=${jobPath(job)}>${job.id}</a></th>
      <td>${job.task}</td>
      <td>${job.queue}</td>
      <td class="number">${job.attempt}</td>
      <td>${formatMilliseconds(job.running)}</td>
      <td class=${job.rayJob === null ? undefined : "id"}>
        ${
          job.rayJob === null
            ? html`<span class="none">–</span>`
            : html`<a href=${`/ray/${encodeURIComponent(job.rayJob)}`}>${job.rayJob}</a>`
        }
      </td>
      <td><code>${job.input}</code></td>
    </tr>`,
  );
  return html`<${Table}
    caption="Active jobs"
    head=${["Job", "Task", "Queue", "Attempt", "Running", "Ray job", "Input"]}
    rows=${rows}
    empty=${silent ? "The worker did not answer in time." : "It runs no job right now."}
  />`;
}
