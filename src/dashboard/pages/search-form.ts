import { jobStates } from "../../core/states.ts";
import { queueNames } from "../../task/definition.ts";
import { type Html, html } from "../html.ts";
import type { JobFields } from "../job-query.ts";

/** The search over all jobs; a GET, so that what was searched for can be sent to somebody. */
export function SearchForm(props: {
  fields: JobFields;
  tasks: readonly string[];
  fault: { field: string | undefined; text: string } | undefined;
}): Html {
  const { fields, tasks, fault } = props;
  const { id, tag, code, worker, since, until } = fields;
  const more = [id, tag, code, worker, since, until].some((value) => value !== undefined);
  const field = (name: keyof JobFields, label: string, hint = "", list?: string) => html`<label>
    ${label}
    <input
      name=${name}
      value=${fields[name] ?? ""}
      placeholder=${hint}
      list=${list}
      autocomplete="off"
      spellcheck=${false}
      aria-invalid=${fault?.field === name ? "true" : undefined}
      aria-describedby=${fault?.field === name ? "search-fault" : undefined}
    />
  </label>`;
  return html`<form class="search" method="get" action="/jobs" role="search" aria-label="Jobs">
    ${fault && html`<p class="fault" id="search-fault" role="alert">${fault.text}</p>`}
    <div class="filter">
      ${field("text", "Text", "in input, result or error")} ${field("task", "Task", "any", "task-names")}
      <${Choice} name="state" label="State" values=${jobStates} value=${fields.state} />
      <${Choice} name="queue" label="Queue" values=${queueNames} value=${fields.queue} />
      <button type="submit" class="primary">Search</button>
      ${Object.keys(fields).length > 0 && html`<a class="button" href="/jobs">Clear</a>`}
    </div>
    <details open=${more}>
      <summary>More</summary>
      <div class="filter">
        ${field("id", "Id", "whole, or its beginning")} ${field("tag", "Tag")} ${field("code", "Error code")}
        ${field("worker", "Worker")} ${field("since", "Enqueued since", "1h, or 2026-01-31")}
        ${field("until", "Enqueued until", "10m, or 2026-01-31")}
      </div>
    </details>
    <datalist id="task-names">${tasks.map((name) => html`<option value=${name}></option>`)}</datalist>
  </form>`;
}

function Choice(props: {
  name: string;
  label: string;
  values: readonly string[];
  value: string | undefined;
}): Html {
  const { name, label, values, value = "" } = props;
  // A URL may name several, which the list does not have.
  const all = value === "" || values.includes(value) ? values : [...values, value];
  return html`<label>
    ${label}
    <select name=${name}>
      <option value="" selected=${value === ""}>any</option>
      ${all.map((one) => html`<option value=${one} selected=${one === value}>${one}</option>`)}
    </select>
  </label>`;
}
