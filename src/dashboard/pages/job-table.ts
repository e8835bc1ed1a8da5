import type { FoundJob } from "../../queue/found-job.ts";
import { type Html, html } from "../html.ts";
import { Ago, Breakable, CsrfField, StateBadge } from "../ui.ts";

/** Where a job's own page is. */
export function jobPath({ queue, id }: { queue: string; id: string }): string {
  return `/jobs/${encodeURIComponent(queue)}/${encodeURIComponent(id)}`;
}

/** How jobs are named in forms: a queue has no colon, an id may have one. */
export function jobKey({ queue, id }: { queue: string; id: string }): string {
  return `${queue}:${id}`;
}

/** Found jobs as a table; further parts are added to its body by their ids. */
export function JobTable(props: { jobs: readonly FoundJob[]; picks: boolean }): Html {
  const { jobs, picks } = props;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Jobs">
    <table class="jobs">
      <caption>Jobs</caption>
      <thead>
        <tr>
          ${picks && html`<th scope="col"><input type="checkbox" data-pick-all aria-label="Select all jobs" /></th>`}
          ${["Job", "State", "Queue", "When", "Attempt", "Worker", "Input or error"].map(
            (name) => html`<th scope="col">${name}</th>`,
          )}
        </tr>
      </thead>
      <tbody id="rows">${jobs.map((job) => html`<${Row} job=${job} picks=${picks} />`)}</tbody>
    </table>
  </div>`;
}

function Row({ job, picks }: { job: FoundJob; picks: boolean }): Html {
  const { id, task, state, queue, attempt, attempts, priority, worker, error, input, tags } = job;
  return html`<tr id=${`job-${queue}-${id}`}>
    ${
      picks &&
      html`<td><input type="checkbox" name="job" form="picked" value=${jobKey(job)} aria-label=${`Select ${id}`} /></td>`
    }
    <th scope="row">
      <a href=${jobPath(job)}><${Breakable} text=${task} /></a>
      <small class="mono id">${id}</small>
      ${tags.map((tag) => html`<span class="tag">${tag}</span> `)}
    </th>
    <td><${StateBadge} state=${state} /></td>
    <td>${queue}${priority > 0 && html` <small class="muted">priority ${priority}</small>`}</td>
    <td><${When} job=${job} /></td>
    <td class="number">${attempt}/${attempts}</td>
    <td>${worker ?? html`<span class="none">–</span>`}</td>
    <td class="excerpt">
      <div>
        ${error === null ? html`<code>${input}</code>` : html`<code class="fault">${error.code}</code> ${error.message}`}
      </div>
    </td>
  </tr>`;
}

/** The moment that matters in a job's state. */
function When({ job }: { job: FoundJob }): Html {
  const { endedAt, startedAt, at, enqueuedAt, state } = job;
  if (endedAt !== null) return html`ended <${Ago} at=${endedAt} />`;
  if (at !== null) return html`starts <${Ago} at=${at} />`;
  if (state === "active" && startedAt !== null) return html`started <${Ago} at=${startedAt} />`;
  return html`enqueued <${Ago} at=${enqueuedAt} />`;
}

/** What may be done with the selected jobs. */
export function PickedBar(props: { csrfToken: string; back: string; discard: boolean }): Html {
  const { csrfToken, back, discard } = props;
  return html`<form id="picked" class="picked actions" method="post" action="/jobs/picked/cancel">
    <${CsrfField} token=${csrfToken} />
    <input type="hidden" name="back" value=${back} />
    <span data-picked role="status">With the selected jobs:</span>
    <button type="submit" data-confirm="Cancel the selected jobs?">Cancel</button>
    <button type="submit" formaction="/jobs/picked/replay" data-confirm="Replay the selected jobs?">Replay</button>
    ${
      discard &&
      html`<button
        type="submit"
        class="danger"
        formaction="/jobs/picked/discard"
        data-confirm="Discard the selected jobs with their results and logs, for good?"
      >
        Discard
      </button>`
    }
  </form>`;
}
