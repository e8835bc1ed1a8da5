import { formatMilliseconds } from "../../core/durations.ts";
import { type Html, html } from "../html.ts";
import { ActionButton, Card, CsrfField, Facts, Table, Tabs } from "../ui.ts";
import { concurrencyText, type LimitedTask, RateText, TimeText } from "./limits.ts";

/** What runs and what it may run: two sides of the workers. */
export function WorkerTabs({ current }: { current: "/workers" | "/tasks" }): Html {
  return html`<${Tabs}
    label="Workers and tasks"
    tabs=${[{ path: "/workers", name: "Workers" }, { path: "/tasks", name: "Tasks and limits" }]}
    current=${current}
  />`;
}

export function taskPath(name: string): string {
  return `/tasks/${encodeURIComponent(name)}`;
}

export function TaskTable({ tasks }: { tasks: readonly LimitedTask[] }): Html {
  const rows = tasks.map(
    (limited) => html`<tr>
      <th scope="row">
        <a href=${taskPath(limited.task.name)}>${limited.task.name}</a>
        ${limited.task.description !== "" && html`<br /><small class="muted">${limited.task.description}</small>`}
      </th>
      <td>${limited.task.queue}</td>
      <td>${limited.task.kind}</td>
      <td><${RateText} ...${limited} /></td>
      <td><${TimeText} ...${limited} /></td>
      <td>${concurrencyText(limited)}</td>
      <td class="number">${limited.task.retry.attempts}</td>
    </tr>`,
  );
  return html`<${Table}
    caption="Tasks"
    head=${["Task", "Queue", "Kind", "Rate limit", "Time limits", "Concurrency", "Attempts"]}
    rows=${rows}
    empty="No worker has published its tasks yet. Start one: lovage worker"
  />`;
}

export function TaskFacts({ limited }: { limited: LimitedTask }): Html {
  const { name, description, queue, kind, retry, input, output } = limited.task;
  const facts = [
    ["What it does", description],
    ["Queue", html`<a href=${`/jobs?queue=${queue}`}>${queue}</a>`],
    ["Kind", kind],
    ["Jobs", html`<a href=${`/jobs?task=${encodeURIComponent(name)}`}>its jobs</a>`],
    ["Charts", html`<a href=${`/charts?task=${encodeURIComponent(name)}`}>its charts</a>`],
    ["Rate limit", html`<${RateText} ...${limited} />`],
    ["Time limits", html`<${TimeText} ...${limited} />`],
    ["Concurrency", concurrencyText(limited)],
    ["Attempts", `${retry.attempts}, the second after about ${formatMilliseconds(retry.backoff)}`],
  ] as const;
  return html`<${Card} title="Definition"><${Facts} facts=${facts} /></${Card}>
    <div class="grid">
      <${Card} title="Input"><${Schema} schema=${input} label="Schema of the input" /></${Card}>
      <${Card} title="Result"><${Schema} schema=${output} label="Schema of the result" /></${Card}>
    </div>`;
}

function Schema({ schema, label }: { schema: unknown; label: string }): Html {
  return html`<pre tabindex="0" aria-label=${label}>${JSON.stringify(schema, null, 2)}</pre>`;
}

/** Sets a task's limits, for operators. A program on Ray cannot hear a soft limit. */
export function LimitForms({ limited, csrfToken }: { limited: LimitedTask; csrfToken: string }): Html {
  const { name, kind } = limited.task;
  return html`<div class="grid">
    <${Card} title="Set the rate limit">
      <form method="post" action=${`${taskPath(name)}/rate`} class="filter">
        <${CsrfField} token=${csrfToken} />
        <label>
          Attempts in a time
          <input name="rate" required placeholder="10/m" autocomplete="off" />
        </label>
        <button type="submit">Set</button>
      </form>
      <${Switches} path=${`${taskPath(name)}/rate`} of="rate limit" csrfToken=${csrfToken} />
      <p class="hint">Over all workers: 10/s, 10/m, 100/30s, 5/2h.</p>
    </${Card}>
    <${Card} title="Set the time limits">
      <form method="post" action=${`${taskPath(name)}/time`} class="filter">
        <${CsrfField} token=${csrfToken} />
        ${kind !== "ray" && html`<label>Soft <input name="soft" placeholder="30s" autocomplete="off" /></label>`}
        <label>Hard <input name="hard" placeholder="1m" autocomplete="off" /></label>
        <button type="submit">Set</button>
      </form>
      <${Switches} path=${`${taskPath(name)}/time`} of="time limits" csrfToken=${csrfToken} />
      <p class="hint">For attempts that begin from now on; limits of a single call win.</p>
    </${Card}>
  </div>`;
}

function Switches({ path, of, csrfToken }: { path: string; of: string; csrfToken: string }): Html {
  return html`<div class="actions">
    <${ActionButton} action=${path} label="Off" description=${`Turn the ${of} off`} fields=${{ switch: "off" }} csrfToken=${csrfToken} />
    <${ActionButton}
      action=${path}
      label="As defined"
      description=${`The ${of} as defined`}
      fields=${{ switch: "default" }}
      csrfToken=${csrfToken}
    />
  </div>`;
}
